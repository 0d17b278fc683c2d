"""What a document can say: every form of a member, an input and an answer."""
from datetime import date, datetime, time
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, Union
from uuid import UUID

from fastapi import Body, Cookie, FastAPI, File, Form, Header, Path, Query, Response, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI(title="Schemas", version="4.5.6", description="Every form.")


class Color(str, Enum):
    red = "red"
    blue = "blue"


class Grade(IntEnum):
    low = 1
    high = 9


class Part(BaseModel):
    """A part of something."""
    sku: str
    weight: float = 1.5


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog", "puppy"]
    good: bool


Pet = Annotated[Union[Cat, Dog], Field(discriminator="kind")]


class Everything(BaseModel):
    model_config = ConfigDict(title="All of it", extra="forbid", val_json_bytes="base64", ser_json_bytes="base64",
                              json_schema_extra={"examples": [{"a": 1}]})
    flag: bool
    small: Annotated[int, Field(ge=-2147483648, le=2147483647)]
    natural: Annotated[int, Field(ge=0, le=4294967295)]
    step: int = Field(5, multiple_of=5, gt=0, lt=100, title="The step", description="How far", examples=[5, 10], deprecated=True)
    ratio: float = Field(0.1, ge=0.05, le=2.5)
    data: bytes
    data_or_null: bytes | None = None
    clock: time
    clock_or_null: time | None = None
    any: Any = None
    any_required: Any
    color: Color = Field(Color.red, title="Paint", description="The paint")
    color_or_null: Color | None = Field(None, description="The paint or none")
    color_or_blue: Color | None = Color.blue
    color_required: Color
    grade: Grade
    grades: list[Grade] = []
    word: Literal["one"]
    words: Literal["one", "two"] = "two"
    word_or_null: Literal["one"] | None = None
    part: Part = Field(title="The part", description="One part")
    part_described: Part = Field(description="One part")
    part_or_null: Part | None = Field(None, description="One part or none")
    part_titled_or_null: Part | None = Field(None, title="Maybe a part")
    parts: list[Part] = Field([], max_length=3)
    parts_or_null: list[Part] | None = None
    part_map: dict[str, Part] = {}
    any_list: list[Any] = []
    any_map: dict[str, Any] = {}
    limited_map: dict[str, int] = Field(min_length=1, max_length=4)
    checked_list: list[Annotated[int, Field(ge=1)]] = []
    patterns: list[Annotated[str, Field(pattern="^a")]] = []
    pet: Pet
    pet_or_null: Pet | None = None
    pets: list[Pet] = []
    wire_name: str = Field("x", alias="wireName")
    text_or_x: str | None = Field("x", max_length=3)
    text_null_required: str | None
    uuids: list[UUID] = []
    dates: list[date] = []
    times: list[datetime] = []


class Outer(BaseModel):
    inner: "Inner"
    color: Color = Color.red


class Inner(BaseModel):
    others: list["Inner"] = []


class Holder(BaseModel):
    outer: Outer


class OnlyIn(BaseModel):
    children: list["OnlyIn"] = []


class Empty(BaseModel):
    pass


@app.post("/everything")
async def everything(v: Everything) -> Everything:
    return v


@app.post("/holder")
async def holder(v: Holder) -> Holder:
    return v


@app.post("/only-in")
async def only_in(v: OnlyIn) -> Empty:
    return Empty()


@app.get("/pet")
async def get_pet() -> Pet:
    return Cat(kind="cat")


@app.post("/pet")
async def post_pet(pet: Pet) -> Part:
    return Part(sku="x")


@app.post("/pets")
async def post_pets(pets: list[Pet]) -> list[Pet]:
    return pets


@app.post("/maybe-pet")
async def maybe_pet(pet: Pet | None = None) -> Pet | None:
    return pet


@app.post("/parts-map")
async def parts_map(parts: Annotated[dict[str, Part], Body(title="By name", description="Parts by name", examples=[{}])]) -> dict[str, Part]:
    return parts


@app.post("/number")
async def number(n: Annotated[int, Body(ge=1)] = 7) -> float:
    return n


@app.post("/color")
async def post_color(color: Color) -> Color:
    return color


@app.post("/described", status_code=204)
async def described(part: Annotated[Part, Body(description="The one", title="One", examples=[{"sku": "a"}])]) -> None:
    return None


@app.post("/two")
async def two(part: Part | None = None, color: Annotated[Color | None, Body()] = None, n: Annotated[int, Body(description="N")] = 3,
              other: Annotated[Part, Body(description="The other", title="Other part")] = Part(sku="x")) -> str:
    return "x"


@app.get("/params/{color}/{word}")
async def params(
    color: Annotated[Color, Path(title="Paint", description="The paint")],
    word: Annotated[Literal["a", "b"], Path()],
    q: Annotated[Color, Query(description="A color")] = Color.red,
    qn: Annotated[Color | None, Query(title="Some color", description="A color or none")] = Color.blue,
    text: str | None = "x",
    one: Literal["one"] = "one",
    b: Annotated[int, Query(examples=[1])] = 1,
    c: Annotated[list[Color], Query(description="Colors")] = [],
    d: Annotated[list[Annotated[int, Field(ge=3)]], Query()] = [],
    h: Annotated[Color | None, Header(deprecated=True)] = None,
    k: Annotated[str | None, Cookie(alias="kAy", pattern="^a")] = None,
    hidden: Annotated[Color, Query(include_in_schema=False)] = Color.red,
    t: time | None = None,
    when: Annotated[datetime | None, Query(description="When")] = None,
) -> Empty:
    return Empty()


class Headers(BaseModel):
    """All headers."""
    model_config = {"extra": "forbid"}
    save_data: bool
    if_modified_since: str | None = None
    x_tag: list[str] = []
    colour: Color = Field(Color.red, alias="X-Colour", title="Paint", description="The paint")


class Cookies(BaseModel):
    session_id: str
    shade: Color | None = None


@app.get("/models")
async def models(headers: Annotated[Headers, Header()], cookies: Annotated[Cookies, Cookie()]) -> Empty:
    return Empty()


class OnlyQuery(BaseModel):
    page: int = 1


@app.get("/only-query")
async def only_query(q: Annotated[OnlyQuery, Query()]) -> Empty:
    return Empty()


@app.get("/hidden", include_in_schema=False)
async def hidden() -> Part:
    return Part(sku="x")


@app.get("/only-hidden-param")
async def only_hidden_param(x: Annotated[int, Query(include_in_schema=False)] = 1) -> Empty:
    return Empty()


@app.get("/text", response_class=PlainTextResponse)
async def text() -> str:
    return "x"


@app.get("/html", response_class=HTMLResponse)
async def html():
    return "x"


class Octets(Response):
    media_type = "application/octet-stream"


@app.get("/octets", response_class=Octets)
async def octets():
    return b"x"


@app.get("/redirect", response_class=RedirectResponse, status_code=307)
async def redirect():
    return "/x"


@app.get("/redirect-302", response_class=RedirectResponse, status_code=302)
async def redirect_302():
    return "/x"


@app.get("/file", response_class=FileResponse)
async def file():
    return "x"


@app.get("/stream", response_class=StreamingResponse)
async def stream():
    return "x"


@app.get("/nothing", status_code=204)
async def nothing() -> None:
    return None


@app.get("/accepted", status_code=202, response_class=Response)
async def accepted():
    return None


class Message(BaseModel):
    message: str


@app.get("/documented/{n}", tags=["items", "users"], summary="A summary", description="A description.\n\nTwo **parts**.",
         response_description="All is well", operation_id="read-it", deprecated=True,
         responses={404: {"model": Message}, 403: {"description": "Not for you"}, 499: {"model": Part, "description": "Gone"}, 422: {"model": Message}})
async def documented(n: int) -> list[Part]:
    return []


@app.get("/documented-text", response_class=PlainTextResponse, responses={404: {"model": Message}, 200: {"description": "Well"}})
async def documented_text():
    return ""


@app.get("/own-status", responses={200: {"model": Message, "description": "Other"}, 201: {"model": Part}})
async def own_status() -> Part:
    return Part(sku="x")


@app.put("/same")
@app.patch("/same")
async def same_path() -> Empty:
    return Empty()


class FormData(BaseModel):
    """A form."""
    name: str
    picture: UploadFile | None = None


@app.post("/form-model")
async def form_model(data: Annotated[FormData, File()]) -> Empty:
    return Empty()


@app.post("/form-optional")
async def form_optional(a: Annotated[int | None, Form()] = None, color: Annotated[Color | None, Form(description="Paint")] = None, n: Annotated[int, Form()] = 1) -> Empty:
    return Empty()


@app.post("/form-bytes")
async def form_bytes(a: Annotated[bytes | None, File(description="A file")] = None, bs: Annotated[list[bytes], File()] = []) -> Empty:
    return Empty()


@app.get("/files/{rest:path}/x/{n:int}/{f:float}/{u:uuid}")
async def converters(rest: str, n: int, f: float, u: UUID) -> Empty:
    return Empty()
