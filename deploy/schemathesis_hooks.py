"""Tells schemathesis all that requests may have: a schema of a request, and what its `x-also-accepts` adds.

Generated clients pass over `x-also-accepts`. Fields that only answers need (`readOnly`) are left out, also where lines of an
answer are sent back: what they may be depends on the order, and the service's own tests send them.
"""

import schemathesis

ALSO = "x-also-accepts"
PREFIX = "#/components/schemas/"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    components = raw_schema["components"]["schemas"]
    taken = {}

    def of_request(schema):
        whole = {name: part(name, value) for name, value in schema.items() if name != ALSO}
        reference = schema.get("$ref", "")
        if reference.startswith(PREFIX):
            name = reference.removeprefix(PREFIX)
            if name not in taken:
                taken[name] = {}
                taken[name].update(of_request(components[name]))
            whole = {"$ref": f"{PREFIX}{name}Taken"}
        return {"anyOf": [whole, of_request(schema[ALSO])]} if ALSO in schema else whole

    def part(name, value):
        if name == "properties":
            return {field: of_request(one) for field, one in value.items() if not one.get("readOnly")}
        if name in ("items", "if", "else"):
            return of_request(value)
        if name == "anyOf":
            return [of_request(one) for one in value]
        return value

    for item in raw_schema["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = of_request(parameter["schema"])
            for media in operation.get("requestBody", {}).get("content", {}).values():
                media["schema"] = of_request(media["schema"])
    components.update({f"{name}Taken": schema for name, schema in taken.items()})


@schemathesis.hook
def before_call(context, case, kwargs):
    items = case.body.get("items") if isinstance(case.body, dict) else None
    for line in items if isinstance(items, list) else []:
        if isinstance(line, dict):
            line.pop("lineTotal", None)
