package onespan

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/web"
)

// The refusals of this door itself.
var (
	errInput     = fault.New(fault.Invalid, "onespan.input", "The input is invalid.")
	errUAF       = fault.New(fault.Unsupported, "onespan.uaf", "UAF 1.1 is not served here. Use FIDO2.")
	errNotServed = fault.New(fault.Unsupported, "onespan.not_served", "This call is not served here.")
	errAdaptive  = fault.New(fault.Unsupported, "onespan.adaptive", "Adaptive login is not served here. Use LoginInput.")
)

// inputError lists everything that is wrong with a request.
type inputError []validationError

// Error returns the text for the log: names of members, and no value.
func (e inputError) Error() string {
	fields := make([]string, len(e))
	for i, v := range e {
		fields[i] = v.Field
	}
	return "invalid: " + strings.Join(fields, ", ")
}

// input collects what is wrong with a request.
type input struct{ wrong inputError }

func (in *input) refuse(field, message string) {
	in.wrong = append(in.wrong, validationError{field, message})
}

// err returns the refusal, if there is anything to refuse.
func (in *input) err() error {
	if len(in.wrong) == 0 {
		return nil
	}
	return errInput.At(in.wrong[0].Field).Because(in.wrong)
}

// required refuses an empty text.
func (in *input) required(field, text string) {
	if text == "" {
		in.refuse(field, "is required")
	}
}

// oneOf refuses a text that is there and none of words.
func (in *input) oneOf(field, text string, words ...string) {
	if text != "" && !slices.Contains(words, text) {
		in.refuse(field, "must be "+strings.Join(words[:len(words)-1], ", ")+" or "+words[len(words)-1])
	}
}

// protocol refuses what names no protocol.
func (in *input) protocol(field, text string) {
	if text != fido2 && text != uaf11 {
		in.refuse(field, "must be "+uaf11+" or "+fido2)
	}
}

// errFor returns the refusal of a request about protocol: what is wrong with it first.
func (in *input) errFor(protocol string) error {
	if err := in.err(); err != nil {
		return err
	}
	if protocol == uaf11 {
		return errUAF
	}
	return nil
}

// read decodes the body of r strictly into v.
func read(w http.ResponseWriter, r *http.Request, v any) error {
	err := web.ReadJSON(w, r, v)
	if e, ok := errors.AsType[*strictjson.Error](err); ok && e.Path != "" {
		in := input{}
		in.refuse(e.Path, e.Detail)
		return in.err()
	}
	return err
}

// text returns what a member holds that is JSON in a string, or JSON as it is; nil if it
// is not there.
func text(member []byte) []byte {
	if len(member) == 0 || bytes.Equal(member, []byte("null")) {
		return nil
	}
	if member[0] != '"' {
		return member
	}
	var s string
	if err := strictjson.Decode(member, &s); err != nil {
		return nil
	}
	return []byte(s)
}

// query reads the parameters of a query, of which each stands once and none is unknown.
func (in *input) query(q url.Values, known ...string) map[string]string {
	values := make(map[string]string)
	for name, all := range q {
		switch {
		case !slices.Contains(known, name):
			in.refuse(shownName(name), "is not known")
		case len(all) > 1:
			in.refuse(name, "stands more than once")
		default:
			values[name] = all[0]
		}
	}
	slices.SortFunc(in.wrong, func(a, b validationError) int { return strings.Compare(a.Field, b.Field) })
	return values
}

// number reads a number within bounds; empty is otherwise.
func (in *input) number(field, text string, least, most, otherwise int) int {
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		in.refuse(field, "must be a number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
		return otherwise
	}
	return n
}

// shownName returns the name of a parameter that is not known as it may be answered.
func shownName(name string) string {
	const most = 40
	for i, r := range name {
		if i >= most || r <= ' ' || r > '~' {
			return "query"
		}
	}
	return name
}
