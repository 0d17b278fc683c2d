// reference.js - an OpenAPI document as a page to read: operations, what they take, what they answer, models.
// Everything from the document becomes text nodes, never markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

function el(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  for (const child of children.flat())
    if (child !== null && child !== undefined)
      node.append(child instanceof Node ? child : String(child));
  return node;
}

function refName(schema) {
  return schema && typeof schema.$ref === "string" ? schema.$ref.split("/").pop() : null;
}

// A link to a model, or a few words for what a value is.
function typeOf(schema) {
  if (schema === true || !schema || Object.keys(schema).length === 0) return ["anything"];
  const name = refName(schema);
  if (name) {
    const link = el("a", null, name);
    link.href = "#model-" + encodeURIComponent(name);
    return [link];
  }
  for (const key of ["anyOf", "oneOf"])
    if (Array.isArray(schema[key]))
      return schema[key].flatMap((one, i) => (i ? [" or ", ...typeOf(one)] : typeOf(one)));
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (Array.isArray(schema.enum)) return [schema.enum.map((one) => JSON.stringify(one)).join(", ")];
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items)];
  if (schema.type === "object" && schema.additionalProperties)
    return ["map to ", ...typeOf(schema.additionalProperties)];
  return [schema.format || (schema.contentMediaType ? "file" : schema.type) || "anything"];
}

const LIMITS = {
  exclusiveMinimum: ">", minimum: ">=", exclusiveMaximum: "<", maximum: "<=", multipleOf: "multiple of",
  minLength: "length >=", maxLength: "length <=", minItems: "items >=", maxItems: "items <=",
  minProperties: "keys >=", maxProperties: "keys <=", pattern: "pattern",
};

// Limits of a value, of what it may be besides null, and its default.
function limitsOf(schema) {
  const said = [];
  for (const one of [schema || {}, ...((schema && schema.anyOf) || [])])
    for (const [key, words] of Object.entries(LIMITS))
      if (one[key] !== undefined) said.push(words + " " + one[key]);
  if (schema && schema.default !== undefined) said.push("default " + JSON.stringify(schema.default));
  return said.join(", ");
}

function row(name, place, required, schema, description, deprecated) {
  return el("tr", deprecated ? "deprecated" : null,
    el("td", null, el("code", null, name), required ? el("b", "required", " required") : null),
    el("td", null, place),
    el("td", null, ...typeOf(schema), el("div", "limits", limitsOf(schema))),
    el("td", null, description || ""));
}

function table(rows) {
  return el("table", null, el("tbody", null, ...rows));
}

function content(title, bodies) {
  const rows = Object.entries(bodies || {}).map(([type, body]) =>
    el("tr", null, el("td", null, el("code", null, type)), el("td", null, ...typeOf(body.schema))));
  return rows.length ? [el("h4", null, title), table(rows)] : [];
}

function operation(path, method, op) {
  const parameters = (op.parameters || []).map((one) =>
    row(one.name, one.in, one.required, one.schema, one.description, one.deprecated));
  const answers = Object.entries(op.responses || {}).map(([status, one]) =>
    el("tr", null, el("td", null, el("code", null, status)), el("td", null, one.description || ""),
      el("td", null, ...Object.entries(one.content || {}).flatMap(([type, body]) =>
        [el("code", null, type), " ", ...typeOf(body.schema)]))));
  const box = el("details", "operation " + method,
    el("summary", op.deprecated ? "deprecated" : null, el("b", "method", method.toUpperCase()), " ",
      el("code", null, path), " ", el("span", "what", op.summary || "")),
    op.description ? el("p", "description", op.description) : null,
    parameters.length ? [el("h4", null, "Parameters"), table(parameters)] : null,
    ...content("Body" + (op.requestBody && op.requestBody.required ? " (required)" : ""),
      op.requestBody && op.requestBody.content),
    el("h4", null, "Answers"), table(answers));
  box.id = op.operationId || method + path;
  return box;
}

function model(name, schema) {
  const required = schema.required || [];
  const rows = Object.entries(schema.properties || {}).map(([key, one]) =>
    row(key, "", required.includes(key), one, one.description, one.deprecated));
  const box = el("section", "model", el("h3", null, name),
    schema.description ? el("p", "description", schema.description) : null,
    rows.length ? table(rows) : el("p", null, ...typeOf(schema)));
  box.id = "model-" + encodeURIComponent(name);
  return box;
}

function groups(doc) {
  const byTag = new Map();
  for (const [path, item] of Object.entries(doc.paths || {}))
    for (const method of METHODS)
      if (item[method])
        for (const tag of item[method].tags || [""]) {
          if (!byTag.has(tag)) byTag.set(tag, []);
          byTag.get(tag).push(operation(path, method, item[method]));
        }
  return byTag;
}

function show(place, doc) {
  const models = Object.entries((doc.components && doc.components.schemas) || {});
  const source = el("a", null, place.dataset.openapi);
  source.href = place.dataset.openapi;
  place.replaceChildren(
    el("h1", null, doc.info.title, " ", el("small", null, doc.info.version)),
    doc.info.description ? el("p", "description", doc.info.description) : "",
    el("p", null, source),
    ...[...groups(doc)].flatMap(([tag, boxes]) => [el("h2", null, tag || "Operations"), ...boxes]),
    ...(models.length ? [el("h2", null, "Models")] : []),
    ...models.map(([name, schema]) => model(name, schema)));
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) {
    target.open = true;
    target.scrollIntoView();
  }
}

window.addEventListener("DOMContentLoaded", async function () {
  const place = document.getElementById("reference");
  try {
    const answer = await fetch(place.dataset.openapi);
    if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
    show(place, await answer.json());
  } catch (error) {
    place.replaceChildren(el("p", "failed", "The document cannot be read: " + error.message));
  }
});
