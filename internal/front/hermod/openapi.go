package hermod

import (
	"net/http"
	"slices"
	"strconv"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/web"
)

// object is a JSON object of the description.
type object = map[string]any

// openAPI serves the description of this API: GET openapi.json. It is made from the
// same tables that the handlers use.
func (f *front) openAPI(w http.ResponseWriter, _ *http.Request) error {
	web.WriteJSON(w, http.StatusOK, describe(f.URIBase))
	return nil
}

func describe(base string) object {
	paths := object{}
	for _, kind := range relay.Kinds() {
		paths["/command/"+kind.Name] = object{"post": commandOperation(kind)}
	}
	paths["/command/{commandId}"] = object{
		"parameters": []object{pathParameter("commandId", "decimal number")},
		"get":        operation("Where a command is", secured, responses("200", "The receipt, and the outcome once there is one", "Report", 401, 404)),
		"delete":     operation("Cancel a command", secured, responses("204", "Cancelled", "", 401, 404, 409)),
	}
	paths["/util/generateclient/{clientId}"] = object{
		"parameters": []object{pathParameter("clientId", "1 to 64 letters, digits, dots, dashes or underscores")},
		"get":        operation("A snippet for allowed-clients, for callers on the same machine", nil, object{"200": object{"description": "YAML"}, "403": errorResponse("Not on the same machine")}),
	}
	paths["/health"] = object{"get": operation("Whether commands can be taken", nil, object{"200": object{"description": "UP"}, "503": object{"description": "DOWN"}})}
	return object{
		"openapi":    "3.1.0",
		"info":       object{"title": "Message relay", "version": "1", "description": "Commands to desktop agents. The shape existing Smart ID Messaging clients use."},
		"servers":    []object{{"url": orSlash(base)}},
		"paths":      paths,
		"components": object{"schemas": schemas(), "securitySchemes": object{"apiKey": object{"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "base64 of client-id:key"}}},
	}
}

func orSlash(base string) string {
	if base == "" {
		return "/"
	}
	return base
}

var secured = []object{{"apiKey": []string{}}}

func operation(summary string, security []object, resp object) object {
	op := object{"summary": summary, "responses": resp}
	if security != nil {
		op["security"] = security
	}
	return op
}

func commandOperation(kind relay.Kind) object {
	op := operation("Send "+kind.Name, secured, responses("200", "Accepted", "Receipt", 400, 401, 404, 409, 413, 415, 429))
	op["requestBody"] = object{
		"required": true,
		"content": object{"application/json": object{"schema": object{
			"type":                 "object",
			"required":             []string{kind.Object},
			"additionalProperties": false,
			"properties":           object{"commandHeader": reference("CommandHeader"), kind.Object: object{"type": "object"}},
		}}},
	}
	return op
}

func pathParameter(name, description string) object {
	return object{"name": name, "in": "path", "required": true, "description": description, "schema": object{"type": "string"}}
}

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

func errorResponse(description string) object {
	return object{"description": description, "content": object{"application/json": object{"schema": reference("Error")}}}
}

// responses lists the good answer and the refusals of an operation.
func responses(status, description, schema string, refusals ...int) object {
	good := object{"description": description}
	if schema != "" {
		good["content"] = object{"application/json": object{"schema": reference(schema)}}
	}
	all := object{status: good}
	for _, s := range refusals {
		all[strconv.Itoa(s)] = errorResponse(http.StatusText(s))
	}
	return all
}

func schemas() object {
	text := object{"type": "string"}
	seconds := object{"oneOf": []object{{"type": "integer", "minimum": 1, "maximum": int64(relay.MaxLifespan.Seconds())}, {"type": "string", "pattern": "^[0-9]+$"}}}
	receipt := object{
		"commandId": object{"type": "string", "pattern": "^[0-9]+$"}, "commandType": object{"type": "string", "enum": commandTypes()},
		"state": object{"type": "string", "enum": []relay.State{relay.InProgress, relay.Completed, relay.Failed, relay.TimedOut, relay.Cancelled}},
		"fqdn":  text, "externalId": text,
		"destinations": object{"type": "array", "items": object{"type": "object", "properties": object{"to": text, "bid": text, "uri": text, "mid": text, "location": text}}},
	}
	required := []string{"commandId", "commandType", "state", "fqdn", "destinations"}
	return object{
		"CommandHeader": object{"type": "object", "additionalProperties": false, "properties": object{
			"lifespan": seconds, "timeout": seconds, "externalId": text, "to": object{"type": "array", "items": text},
		}},
		"Receipt": object{"type": "object", "required": required, "properties": receipt},
		"Report": object{"allOf": []object{reference("Receipt"), {"type": "object", "properties": object{
			"status": text, "destination": object{"type": "object"}, "signature": object{"type": "object"}, "jws": text, "matchCode": text, "error": object{"type": "object"},
		}}}},
		"Error": object{"type": "object", "required": []string{"error", "requestId"}, "properties": object{
			"error": object{"type": "string", "enum": errorNames()}, "message": text, "field": text, "requestId": text,
		}},
	}
}

func commandTypes() []plugout.CommandType {
	var types []plugout.CommandType
	for _, k := range relay.Kinds() {
		types = append(types, k.Type)
	}
	return types
}

func errorNames() []string {
	var names []string
	for _, a := range byCode {
		names = append(names, a.name)
	}
	for _, n := range byKind {
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
