package fronttest

import (
	"net/http"
	"strings"
	"testing"
)

// document has something of all that the documents of the doors have.
const document = `{
	"openapi": "3.1.0",
	"servers": [{"url": "/v1"}],
	"paths": {
		"/things/{id}": {
			"parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}}],
			"get": {"operationId": "thing", "responses": {
				"200": {"description": "Here", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
				"404": {"$ref": "#/components/responses/Refusal"}
			}},
			"delete": {"summary": "Away", "responses": {"204": {"description": "Gone"}}}
		},
		"/things/new": {"post": {"operationId": "new", "responses": {"201": {"description": "Made", "content": {"text/plain": {"schema": {"type": "string"}}}}}}},
		"/{kind}/{id}": {"get": {"operationId": "any", "responses": {"200": {"description": "Here"}}}}
	},
	"components": {
		"responses": {"Refusal": {"description": "` + "One of `thing.unknown`" + `", "content": {"application/json": {"schema": {"type": "object", "required": ["error"]}}}}},
		"schemas": {
			"Thing": {"type": "object", "required": ["id", "name"], "additionalProperties": false, "properties": {
				"id": {"type": "string", "format": "uuid"},
				"name": {"type": "string", "minLength": 1, "maxLength": 4, "pattern": "^[a-zé]*$"},
				"made": {"type": "string", "format": "date-time"},
				"count": {"type": "integer", "minimum": 0, "maximum": 9},
				"weight": {"type": "number"},
				"on": {"type": "boolean"},
				"state": {"enum": ["new", "old"]},
				"kind": {"const": "thing"},
				"parts": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Part"}},
				"either": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Part"}]},
				"one": {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]},
				"free": {"description": "anything"},
				"heap": {"type": "array"},
				"lost": {"$ref": "#/components/schemas/Lost"}
			}},
			"Part": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
		}
	}
}`

const whole = `"id":"0123abcd-0123-0123-0123-0123456789ab","name":"abcé"`

// good is an answer that the document describes.
func good() Answer {
	return Answer{
		Method: "GET", Path: "/things/x?all=true", Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte("{" + whole + `,"made":"2026-03-02T10:15:00Z","count":9,"weight":1.5,"on":true,"state":"old","kind":"thing",` +
			`"parts":[{"n":1,"more":true}],"either":{"n":2},"one":2,"free":"x","heap":[]}`),
	}
}

func TestCheck(t *testing.T) {
	body := func(text string) func(*Answer) { return func(a *Answer) { a.Body = []byte(text) } }
	with := func(members string) func(*Answer) { return body("{" + whole + "," + members + "}") }
	tests := []struct {
		name  string
		spoil func(*Answer)
		want  string // empty: the answer is described
	}{
		{"untouched", func(*Answer) {}, ""},
		{"least", body("{" + whole + "}"), ""},
		{"HEAD", func(a *Answer) { a.Method, a.Body = "HEAD", nil }, ""},
		{"no array", with(`"parts":null`), ""},
		{"the other form", with(`"either":"x"`), ""},
		{"a refusal that others have too", func(a *Answer) { a.Status, a.Body = 404, []byte(`{"error":"thing.unknown"}`) }, ""},
		{"a path that is not described", func(a *Answer) { a.Path, a.Status = "/", 405 }, ""},
		{"no body", func(a *Answer) { a.Method, a.Status, a.Body = "DELETE", 204, nil }, ""},
		{"a body that is no JSON", func(a *Answer) {
			*a = Answer{Method: "POST", Path: "/things/new", Status: 201, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: []byte("{")}
		}, ""},

		{"undocumented status", func(a *Answer) { a.Status = 201 }, "thing: the answer 201 is not described"},
		{"undocumented status of one without an id", func(a *Answer) { a.Method, a.Status = "DELETE", 200 }, "Away: the answer 200 is not described"},
		{"undocumented path", func(a *Answer) { a.Path = "/" }, "GET / answers 200 and is not described"},
		{"undocumented method", func(a *Answer) { a.Method = "PUT" }, "PUT /things/x?all=true answers 200 and is not described"},
		{"undocumented method of a path that another would fit", func(a *Answer) { a.Path = "/things/new" }, "is not described"},
		{"nothing in the place of a name", func(a *Answer) { a.Path = "/things/" }, "is not described"},
		{"a longer path", func(a *Answer) { a.Path = "/things/x/y" }, "is not described"},
		{"undocumented media type", func(a *Answer) { a.Header.Set("Content-Type", "text/plain") }, `Content-Type "text/plain" is not described`},
		{"JSON with a parameter", func(a *Answer) { a.Header.Set("Content-Type", "application/json;charset=UTF-8") }, "is not described"},
		{"no media type", func(a *Answer) { a.Header = nil }, `Content-Type "" is not described`},
		{"a body where there is none", func(a *Answer) { a.Method, a.Status = "DELETE", 204 }, "a body where none is described"},
		{"a body to HEAD", func(a *Answer) { a.Method = "HEAD" }, "a body where none is described"},
		{"empty", body(""), "unexpected end of JSON"},
		{"more than JSON", body("{" + whole + "} x"), "invalid character"},
		{"a refusal without its member", func(a *Answer) { a.Status, a.Body = 404, []byte(`{}`) }, "body.error is missing"},

		{"missing member", body(`{"id":"0123abcd-0123-0123-0123-0123456789ab"}`), "body.name is missing"},
		{"unknown member", with(`"more":1`), "body.more is not described"},
		{"array for an object", body(`[]`), "body: [] is no object"},
		{"null", body(`null`), "body: <nil> is no object"},
		{"number for a string", body(`{"id":1,"name":"a"}`), "body.id: 1 is no string"},
		{"string for a number", with(`"count":"1"`), "body.count: 1 is no integer"},
		{"fraction for an integer", with(`"count":1.5`), "body.count: 1.5 is no integer"},
		{"string for a boolean", with(`"on":"true"`), "body.on: true is no boolean"},
		{"boolean for a number", with(`"weight":true`), "body.weight: true is no number"},
		{"object for an array", with(`"parts":{}`), "body.parts: map[] is no array or null"},
		{"null for a string", with(`"made":null`), "body.made: <nil> is no string"},
		{"wrong type in an array", with(`"parts":[{"n":1},{"n":""}]`), "body.parts[1].n:  is no integer"},
		{"missing member in an array", with(`"parts":[{}]`), "body.parts[0].n is missing"},
		{"in an array of nobody knows what", with(`"heap":[1]`), "body.heap[0]: its form is not described"},
		{"of a schema that is not there", with(`"lost":1`), "there is no #/components/schemas/Lost"},
		{"below the minimum", with(`"count":-1`), "body.count: -1 is out of the range"},
		{"above the maximum", with(`"count":10`), "body.count: 10 is out of the range"},
		{"too short", body(`{"id":"0123abcd-0123-0123-0123-0123456789ab","name":""}`), "is not of the length"},
		{"too long", body(`{"id":"0123abcd-0123-0123-0123-0123456789ab","name":"abcde"}`), "is not of the length"},
		{"off the pattern", body(`{"id":"0123abcd-0123-0123-0123-0123456789ab","name":"A"}`), "does not match"},
		{"no UUID", body(`{"id":"x","name":"a"}`), `"x" is no UUID`},
		{"no time", with(`"made":"today"`), "body.made: parsing time"},
		{"not of the list", with(`"state":"gone"`), "body.state: gone is not one of those described"},
		{"not the constant", with(`"kind":"other"`), "body.kind: other is not one of those described"},
		{"neither form", with(`"either":1`), "body.either: 1 is no string"},
		{"not the one form", with(`"one":"x"`), "body.one: x is no integer"},
		{"both forms", with(`"one":6`), "body.one: has 2 forms"},
	}
	d := Parse(t, []byte(document), http.StatusMethodNotAllowed)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := good()
			tt.spoil(&a)
			_, err := d.Check(a)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSaid(t *testing.T) {
	d := Parse(t, []byte(document), http.StatusMethodNotAllowed)
	a := good()
	a.Status, a.Body = 404, []byte(`{"error":"x"}`)
	said, err := d.Check(a)
	if err != nil || !said.Names("thing.unknown") || said.Names("thing") || said.Names("One") {
		t.Errorf("got %v %v", said, err)
	}
	a.Path, a.Status = "/", 405
	if said, err := d.Check(a); said != nil || err != nil {
		t.Errorf("of a path that is not described: %v %v", said, err)
	}
}

func TestOperation(t *testing.T) {
	d := Parse(t, []byte(document))
	for request, want := range map[string]string{
		"GET /things/x": "thing", "HEAD /things/x?y": "thing", "POST /things/new": "new", "GET /others/new": "any", "GET /things/new": "", "GET /x": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		var got string
		if op := d.Operation(method, path); op != nil {
			got = op.OperationID
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
	if got := len(d.Paths["/things/{id}"]); got != 2 {
		t.Errorf("%d operations", got)
	}
}

// A document that promises what nobody checks is refused.
func TestParseRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"no JSON":           {`"openapi"`, `openapi`},
		"an unknown member": {`"maxLength": 4`, `"longest": 4`},
		"an unknown type":   {`"type": "boolean"`, `"type": "bool"`},
		"a type of several": {`["array", "null"]`, `["array", "nil"]`},
		"an unknown format": {`"format": "uuid"`, `"format": "uri"`},
		"an operation":      {`"summary": "Away"`, `"summary": 1`},
		"a path":            {`"/{kind}/{id}": {`, `"/x": [], "/{kind}/{id}": {`},
	} {
		text := strings.Replace(document, change[0], change[1], 1)
		if text == document {
			t.Fatalf("%s: nothing changed", name)
		}
		if d, err := parse([]byte(text), nil); err == nil || d != nil {
			t.Errorf("%s: got %v %v", name, d, err)
		}
	}
}
