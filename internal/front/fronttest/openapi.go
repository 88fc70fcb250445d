package fronttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Document is what tests read of an OpenAPI document.
type Document struct {
	OpenAPI    string
	Servers    []struct{ URL string }
	Paths      map[string]Path
	Webhooks   map[string]Path
	Components struct {
		Schemas   map[string]*Schema
		Responses map[string]*Response
	}

	elsewhere []int
}

// Path has the operations of a path by their method, in lower case.
type Path map[string]*Operation

// UnmarshalJSON implements [json.Unmarshaler]. What a path has beside its operations is
// left out.
func (p *Path) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	*p = Path{}
	for name, member := range members {
		if name == "parameters" {
			continue
		}
		var op Operation
		if err := json.Unmarshal(member, &op); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		(*p)[name] = &op
	}
	return nil
}

// Operation is what one method of a path takes and answers.
type Operation struct {
	OperationID string
	Summary     string
	Security    []map[string][]string // nil: as the document says for all; empty: anybody may call
	RequestBody struct{ Content map[string]Media }
	Responses   map[string]*Response
}

// Response is an answer that is described, or a reference to one.
type Response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]Media // by media type; none: there is no body
}

// Media is a body in one media type.
type Media struct{ Schema *Schema }

// Names tells whether the description has a code of a refusal, set as code.
func (r *Response) Names(code string) bool { return strings.Contains(r.Description, "`"+code+"`") }

// Parse reads a document, and fails the test on a schema that [Document.Check] would not
// understand. Requests that the document does not describe may be answered with the
// statuses elsewhere alone.
func Parse(t testing.TB, text []byte, elsewhere ...int) *Document {
	t.Helper()
	d, err := parse(text, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parse(text []byte, elsewhere []int) (*Document, error) {
	d := &Document{elsewhere: elsewhere}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("the document: %w", err)
	}
	return d, nil
}

// Operation returns the operation that a request is for; nil if none is described. A path
// that stands in the document as it is comes first, then the one that leaves least open.
// HEAD is answered as GET is.
func (d *Document) Operation(method, path string) *Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path, _, _ = strings.Cut(path, "?")
	given, best := strings.Split(path, "/"), ""
	for _, described := range slices.Sorted(maps.Keys(d.Paths)) {
		if !slices.EqualFunc(strings.Split(described, "/"), given, stepFits) {
			continue
		}
		if best == "" || strings.Count(described, "{") < strings.Count(best, "{") {
			best = described
		}
	}
	return d.Paths[best][strings.ToLower(method)]
}

// What stands in braces is anything but nothing.
func stepFits(described, given string) bool {
	return described == given || strings.HasPrefix(described, "{") && given != ""
}

// Answer is what a door answered, and to what. The path is that of the document, without
// the server's, and may have a query.
type Answer struct {
	Method, Path string
	Status       int
	Header       http.Header
	Body         []byte
}

// Check says how the document does not describe an answer: its status, its media type or
// the form of its body. It returns what is described of answers with that status; nil if
// nothing is.
func (d *Document) Check(a Answer) (*Response, error) {
	op := d.Operation(a.Method, a.Path)
	if op == nil {
		if !slices.Contains(d.elsewhere, a.Status) {
			return nil, fmt.Errorf("%s %s answers %d and is not described", a.Method, a.Path, a.Status)
		}
		return nil, nil
	}
	name := cmp.Or(op.OperationID, op.Summary)
	said := op.Responses[strconv.Itoa(a.Status)]
	if said != nil && said.Ref != "" {
		said = d.Components.Responses[strings.TrimPrefix(said.Ref, "#/components/responses/")]
	}
	if said == nil {
		return nil, fmt.Errorf("%s: the answer %d is not described: %s", name, a.Status, a.Body)
	}
	if err := d.checkBody(said, a); err != nil {
		return said, fmt.Errorf("%s: %d: %w", name, a.Status, err)
	}
	return said, nil
}

func (d *Document) checkBody(said *Response, a Answer) error {
	if len(said.Content) == 0 || a.Method == http.MethodHead {
		if len(a.Body) > 0 {
			return fmt.Errorf("a body where none is described")
		}
		return nil
	}
	given := a.Header.Get("Content-Type")
	media, _, parameters := strings.Cut(given, ";")
	as, ok := said.Content[media]
	if !ok || media == "application/json" && parameters { // RFC 8259, section 11: it has none
		return fmt.Errorf("Content-Type %q is not described", given)
	}
	if media != "application/json" {
		return nil
	}
	if err := d.Fits(as.Schema, a.Body); err != nil {
		return fmt.Errorf("%w: %s", err, a.Body)
	}
	return nil
}

// Fits says how a JSON text does not have the form of s; nil if it does.
func (d *Document) Fits(s *Schema, text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	return d.fits(s, v, "body")
}
