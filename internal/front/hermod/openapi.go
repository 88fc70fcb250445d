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
	if base == "" {
		base = "/"
	}
	paths := object{}
	for _, kind := range relay.Kinds() {
		paths["/command/"+kind.Name] = object{"post": commandOperation(kind)}
	}
	paths["/command/{commandId}"] = commandPath()
	for path, item := range devicePaths() {
		paths[path] = item
	}
	paths["/util/generateclient/{clientId}"] = object{
		"parameters": []object{pathParameter("clientId", "1 to 64 letters, digits, dots, dashes or underscores")},
		"get": operation("A new entry for allowed-clients, to callers on the same machine; nothing is stored", nil,
			answers("200", good("YAML, with the X-Api-Key in a comment", "application/yaml", object{"type": "string"}), 400, 403, 429, 500)),
	}
	paths["/health"] = object{"get": operation("Whether commands can be taken", nil, object{
		"200": good("They can", "application/json", reference("Health")),
		"503": good("They cannot", "application/json", reference("Health")),
	})}
	paths["/openapi.json"] = object{"get": operation("This", nil, object{"200": good("OpenAPI", "application/json", object{"type": "object"})})}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Message relay", "version": "1",
			"description": "Commands to desktop agents, in the shape that existing Smart ID Messaging clients use. A path takes no methods but those described; others are answered 405.",
		},
		"servers":  []object{{"url": base}},
		"paths":    paths,
		"webhooks": object{"callback": object{"post": callbackOperation()}},
		"components": object{
			"schemas": schemas(),
			"securitySchemes": object{
				"apiKey":       object{"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "base64 of client-id:key"},
				"session":      object{"type": "http", "scheme": "bearer", "description": "the session of a message box"},
				"callbackUser": object{"type": "http", "scheme": "basic", "description": "callback-basic-auth"},
			},
		},
	}
}

// Who may call.
var (
	apiUser = []object{{"apiKey": []string{}}}
	device  = []object{{"session": []string{}}}
)

func commandOperation(kind relay.Kind) object {
	op := operation("Send "+kind.Name, apiUser,
		answers("200", good("Taken", "application/json", reference("Receipt")), 400, 401, 404, 409, 413, 415, 429, 500, 503))
	op["requestBody"] = body("application/json", object{
		"type":                 "object",
		"required":             []string{kind.Object},
		"additionalProperties": false,
		"properties":           object{"commandHeader": reference("CommandHeader"), kind.Object: commandObject(kind.Type)},
	})
	return op
}

func commandPath() object {
	return object{
		"parameters": []object{pathParameter("commandId", "decimal number")},
		"get": operation("Where a command is, until its lifespan is over", apiUser,
			answers("200", good("The receipt, and what the callback says once the command has ended", "application/json", reference("Report")), 401, 404, 500, 503)),
		"delete": operation("Cancel a command", apiUser, answers("204", good("Cancelled", "", nil), 401, 404, 409, 500, 503)),
	}
}

// callbackOperation is what we call ourselves, at the client.
func callbackOperation() object {
	op := operation("The outcome of a command, once, to <callback-url>/callback/<name of the command>",
		[]object{{"callbackUser": []string{}}}, object{"2XX": good("Taken; anything else is tried again as configured", "", nil)})
	op["requestBody"] = body("application/json", reference("Callback"))
	return op
}

// devicePaths are for desktop agents.
func devicePaths() object {
	box := pathParameter("bid", "id of the message box")
	answer := operation("Answer a command", device,
		answers("202", good("Taken", "", nil), 400, 401, 404, 409, 410, 413, 415, 500, 503))
	answer["requestBody"] = object{"required": true, "content": object{
		plugout.MediaTypeJOSE: object{"schema": object{"type": "string", "description": "compact JWS over an Answer"}},
		plugout.MediaTypeJSON: object{"schema": reference("Answer")},
	}}
	redeem := operation("Redeem the link of a box, once", nil,
		answers("201", good("The session is open", "application/json", reference("Session")), 400, 401, 410, 413, 415, 429, 500, 503))
	redeem["requestBody"] = body("application/json", reference("Redemption"))
	list := operation("Open messages, oldest first", device, answers("200", good("There are", "application/json", reference("Messages")), 400, 401, 410, 500, 503))
	list["responses"].(object)["204"] = good("There are none", "", nil)
	list["parameters"] = []object{{
		"name": "wait", "in": "query", "description": "seconds to wait for a message, at most 30; absent: not at all",
		"schema": object{"type": "integer", "minimum": 0},
	}}
	return object{
		"/ms/{bid}": object{"parameters": []object{box}, "get": list},
		"/ms/{bid}/session": object{
			"parameters": []object{box}, "post": redeem,
			"delete": operation("End the session", device, answers("204", good("Ended", "", nil), 401, 410, 500, 503)),
		},
		"/ms/{bid}/session/confirm": object{
			"parameters": []object{box},
			"post":       operation("The person saw the same match code in both places", device, answers("204", good("Noted", "", nil), 401, 410, 500, 503)),
		},
		"/ms/{bid}/{mid}": object{
			"parameters": []object{box, pathParameter("mid", "id of the message")},
			"get":        operation("One command", device, answers("200", good("The command", "application/json", reference("Message")), 401, 404, 410, 500, 503)),
			"post":       answer,
		},
	}
}

func operation(summary string, security []object, responses object) object {
	op := object{"summary": summary, "responses": responses}
	if security != nil {
		op["security"] = security
	}
	return op
}

func body(media string, schema object) object {
	return object{"required": true, "content": object{media: object{"schema": schema}}}
}

// good is an answer that is no refusal; without a schema it has no body.
func good(description, media string, schema object) object {
	if schema == nil {
		return object{"description": description}
	}
	return object{"description": description, "content": object{media: object{"schema": schema}}}
}

// answers are the good answer and the refusals of an operation.
func answers(status string, answer object, refusals ...int) object {
	all := object{status: answer}
	for _, s := range refusals {
		all[strconv.Itoa(s)] = good(http.StatusText(s), "application/json", reference("Error"))
	}
	return all
}

func pathParameter(name, description string) object {
	return object{"name": name, "in": "path", "required": true, "description": description, "schema": object{"type": "string"}}
}

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// errorNames are the values of member error.
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
