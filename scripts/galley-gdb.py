"""galley-gdb.py - the coroutines of a worker, for gdb: who waits for what, and the stack of each.

Does:     `galley coroutines` and `galley bt ID|all`, on a live worker and on its core file.
Does not: write registers or memory, or run code in the program: a waiting coroutine's frames are unwound by gdb itself, from the
          three words that the switch has saved (worker/coro/ctx.h), as if the loop's thread stood there.
Usage:    gdb -p PID -x scripts/galley-gdb.py        gdb build/bin/galley core -x scripts/galley-gdb.py
See:      docs/HACKING.md (Debugging), t/48-gdb.t
"""

import gdb
import gdb.unwinder

STATES = ["FREE", "READY", "RUNNING", "CALLING", "WAITING", "DONE"]
REGISTERS = {"i386:x86-64": ("rsp", "rbp", "rip"), "aarch64": ("sp", "x29", "pc")}
DEEP = 200


def text(value):
    """A C string that may be missing or damaged."""
    try:
        return value.string(errors="replace") if int(value) != 0 else ""
    except gdb.MemoryError:
        return "<unreadable>"


def scheduler():
    try:
        sched = gdb.parse_and_eval("the_fault.sched")
    except gdb.error as error:
        raise gdb.GdbError("no debug information of Galley here (%s): is it stripped?" % error)
    if int(sched) == 0:
        raise gdb.GdbError("no scheduler here: this is no worker, or one that has not started; "
                           "`galley workers` lists the pids of the workers")
    return sched.dereference()


def coroutines():
    """All that live, as in worker/coro/stack.c:stack_at."""
    sched = scheduler()
    pool = sched["stacks"]
    per_slab = int(gdb.parse_and_eval("STACK_SLOTS_PER_SLAB"))
    line, colors = int(gdb.parse_and_eval("STACK_LINE_BYTES")), int(gdb.parse_and_eval("COLORS"))
    kind = gdb.lookup_type("struct galley_async")
    block, stride = -(-kind.sizeof // line) * line, int(pool["stride_bytes"])
    for index in range(int(pool["used_count"])):
        slab, slot = divmod(index, per_slab)
        top = int(pool["slabs"][slab]) + (slot + 1) * stride
        address = top - slot % colors * line - block
        co = gdb.Value(address).cast(kind.pointer()).dereference()
        if STATES[int(co["state"])] != "FREE":
            yield co


def parent_of(co):
    outer = co["root"]["parent"]
    if int(outer) == 0 or int(outer["co"]) == 0:
        return 0
    return int(outer["co"]["id"])


def route_of(co):
    if int(co["request"]) == 0:
        return ""
    try:
        request = gdb.lookup_type("struct galley_request").pointer()
        route = co["request"].cast(request)["route"]
        return "%s %s" % (text(route["method"]), text(route["path"])) if int(route) else ""
    except gdb.error:
        return "<unreadable>"


def tasks_of(scope):
    """The ids of a scope's tasks that have not ended."""
    found, head, kind = [], scope["tasks"], gdb.lookup_type("struct galley_task")
    offset = [field.bitpos // 8 for field in kind.fields() if field.name == "in_scope"][0]
    node = head["next"]
    while int(node) != int(head.address) and len(found) < 8:
        task = gdb.Value(int(node) - offset).cast(kind.pointer())
        if int(task["co"]) != 0:
            found.append("#%d" % int(task["co"]["id"]))
        node = node["next"]
    return " ".join(found)


def waiting_of(co):
    """What it waits for, and where, in the words of worker/coro/waiting.c."""
    if STATES[int(co["state"])] != "WAITING":
        return ""
    kind, detail = text(co["waiting_for"]), ""
    if kind == "sleep":
        now_ms = int(co["sched"]["loop"]["now_ms"])
        detail = "%d ms" % max(0, int(co["until_ms"]) - now_ms)
    elif kind == "task" and int(co["waiting_on"]) > 0:
        detail = "#%d" % int(co["waiting_on"])
    elif kind in ("readable", "writable", "ready"):
        detail = "fd %d" % int(co["waiting_on"])
    elif kind in ("tasks", "gather", "race") and int(co["joining"]) != 0:
        detail = tasks_of(co["joining"])
    here = text(co["here"])
    return kind + (" " + detail if detail else "") + (" at " + here if here else "")


def name_of(co):
    name = text(co["name"])
    if int(co["line"]) > 0:
        name += " (%s:%d)" % (text(co["file"]), int(co["line"]))
    return name


def summary(co):
    parent = parent_of(co)
    words = ["#%d" % int(co["id"]), STATES[int(co["state"])].lower(), route_of(co), name_of(co)]
    if parent:
        words.append("child of #%d" % parent)
    waiting = waiting_of(co)
    if waiting:
        words.append("waits for " + waiting)
    return "  ".join(word for word in words if word)


def saved_registers(co):
    """(stack pointer, frame pointer, place) of one that does not run."""
    ctx = co["ctx"]
    fields = [field.name for field in ctx.type.fields()]
    if "sp" in fields:
        return int(ctx["sp"]), int(ctx["bp"]), int(ctx["ip"])
    machine = ctx["uc"]["uc_mcontext"]  # make SWITCH=ucontext
    return tuple(int(machine["gregs"][i]) for i in (15, 10, 16))


class Elsewhere(gdb.unwinder.Unwinder):
    """Makes a coroutine the caller of the frame in which the loop's thread stands."""

    def __init__(self):
        super().__init__("galley")
        self.enabled = False

    def go(self, co):
        """The innermost frame of `co`, for gdb, until `back`."""
        newest = gdb.newest_frame()
        self.wanted = saved_registers(co)
        self.names = REGISTERS[newest.architecture().name()]
        self.real = [int(newest.read_register(name)) for name in self.names]
        self.enabled = True
        gdb.invalidate_cached_frames()
        return gdb.newest_frame().older()

    def back(self):
        self.enabled = False
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if [int(pending.read_register(name)) for name in self.names] != self.real:
            return None
        # gdb takes a caller for corrupt whose frame lies below that of the called: so this one is given a place below.
        place = pending.read_register(self.names[0])
        below = gdb.Value(self.wanted[0] - 256).cast(place.type)
        info = pending.create_unwind_info(FrameId(below, pending.read_register(self.names[2])))
        for name, value in zip(self.names, self.wanted):
            info.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return info


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


def arguments(frame):
    try:
        block = frame.block()
    except RuntimeError:
        return ""
    while block is not None and block.function is None:
        block = block.superblock
    given = []
    for symbol in block or ():
        if symbol.is_argument:
            try:
                value = symbol.value(frame).format_string(max_elements=80, max_depth=1, symbols=False)
            except gdb.error:
                value = "?"
            given.append("%s=%s" % (symbol.name, value))
    return ", ".join(given)


def show_frames(frame):
    for level in range(DEEP):
        if frame is None or not frame.is_valid() or frame.pc() == 0:
            return
        place = frame.find_sal()
        where = ""
        if place.symtab is not None:
            where = " at %s:%d" % (place.symtab.filename, place.line)
        elif gdb.solib_name(frame.pc()):
            where = " from " + gdb.solib_name(frame.pc())
        print("  %-3s %s (%s)%s" % ("#%d" % level, frame.name() or "0x%x" % frame.pc(),
                                    arguments(frame), where))
        frame = frame.older()


def show_stack(co):
    print(summary(co))
    if STATES[int(co["state"])] == "RUNNING":
        show_frames(gdb.newest_frame())
        return
    try:
        show_frames(ELSEWHERE.go(co))
    finally:
        ELSEWHERE.back()


def to_the_loop():
    """Select the loop's thread: the first one of the process. The thread that was selected."""
    before = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        if thread.ptid[1] == thread.ptid[0] or thread.num == 1 and thread.ptid[0] == 0:
            thread.switch()
    return before


class Galley(gdb.Command):
    """What the coroutines of a Galley worker do."""

    def __init__(self):
        super().__init__("galley", gdb.COMMAND_DATA, prefix=True)


class Coroutines(gdb.Command):
    """galley coroutines - all that live: id, state, route, name, what each waits for and where."""

    def __init__(self):
        super().__init__("galley coroutines", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        count = 0
        for co in coroutines():
            print(summary(co))
            count += 1
        print("%d coroutine%s" % (count, "" if count == 1 else "s"))


class Backtrace(gdb.Command):
    """galley bt ID|all - the stack of one coroutine, or of each."""

    def __init__(self):
        super().__init__("galley bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        wanted = argument.strip().lstrip("#")
        if wanted != "all" and not wanted.isdigit():
            raise gdb.GdbError("which one? galley bt ID, or galley bt all; `galley coroutines` lists the ids")
        before, found = to_the_loop(), False
        try:
            for co in coroutines():
                if wanted == "all" or int(co["id"]) == int(wanted):
                    show_stack(co)
                    found = True
        finally:
            if before is not None:
                before.switch()
        if not found and wanted != "all":
            raise gdb.GdbError("no coroutine #%s lives; `galley coroutines` lists those that do" % wanted)


ELSEWHERE = Elsewhere()
gdb.unwinder.register_unwinder(None, ELSEWHERE, replace=True)
Galley()
Coroutines()
Backtrace()
