package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/web"
)

// serverResponse is ServerResponse of the profile. What went well has no message.
type serverResponse struct {
	Status       string `json:"status"`
	ErrorMessage string `json:"errorMessage"`
}

// The values of serverResponse.Status.
const (
	statusOK     = "ok"
	statusFailed = "failed"
)

// Faults of a request's members.
var (
	errMissing = fault.New(fault.Invalid, "request.field_missing", "a required member is missing")
	errType    = fault.New(fault.Invalid, "request.field_type", "a member has the wrong type")
	errValue   = fault.New(fault.Invalid, "request.field_value", "a member has a value that is not allowed")
)

// object is a JSON object whose members have yet to be read, and where it stands in the
// request. A member that is null counts as missing.
type object struct {
	members map[string]json.RawMessage
	path    string
}

// readBody reads a request's body. Members that nobody asks for are let pass: the tests
// send some.
func readBody(w http.ResponseWriter, r *http.Request) (object, error) {
	if !web.IsJSON(r) {
		return object{}, web.ErrNotJSON
	}
	body, err := web.ReadBody(w, r, 0)
	if err != nil {
		return object{}, err
	}
	var o object
	if err := strictjson.Decode(body, &o.members); err != nil {
		return object{}, web.ErrJSON.Because(err)
	}
	return o, nil
}

// at returns f, one of those above, about a member of o.
func (o object) at(f *fault.Error, name string) error {
	return f.At(o.path+name).Saying("%s: %s%s", f.Public, o.path, name)
}

// has reports whether o has a member that is not null.
func (o object) has(name string) bool {
	raw, ok := o.members[name]
	return ok && !bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

// member reads a member of o; the zero value if there is none.
func member[T any](o object, name string) (v T, err error) {
	if !o.has(name) {
		return v, nil
	}
	if json.Unmarshal(o.members[name], &v) != nil {
		return v, o.at(errType, name)
	}
	return v, nil
}

// text reads a member that is a string; empty if there is none.
func (o object) text(name string) (string, error) { return member[string](o, name) }

// required reads a string that has to be there, and to say something.
func (o object) required(name string) (string, error) {
	text, err := o.text(name)
	switch {
	case err != nil:
		return "", err
	case !o.has(name):
		return "", o.at(errMissing, name)
	case text == "":
		return "", o.at(errValue, name)
	}
	return text, nil
}

// base64url reads a string that has to be there, and to be base64url of something. It is
// returned as it is.
func (o object) base64url(name string) (string, error) {
	text, err := o.required(name)
	if err != nil {
		return "", err
	}
	if _, err := strictjson.DecodeBase64URL(text); err != nil {
		return "", o.at(errValue, name)
	}
	return text, nil
}

// object reads a member that is an object; an empty one if there is none.
func (o object) object(name string) (object, error) {
	members, err := member[map[string]json.RawMessage](o, name)
	return object{members, o.path + name + "."}, err
}

// oneOf reads a string that is one of values; empty if there is none.
func (o object) oneOf(name string, values ...string) (string, error) {
	text, err := o.text(name)
	if err != nil || !o.has(name) {
		return "", err
	}
	for _, v := range values {
		if text == v {
			return text, nil
		}
	}
	return "", o.at(errValue, name)
}
