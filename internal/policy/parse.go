package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/strictjson"
)

// MaxDocumentBytes is the length of the longest document: 256 KiB.
const MaxDocumentBytes = 256 << 10

// maxValues is how many values a document has at most. The shortest that there can be many
// of are words and models, which have more than 16 bytes each.
const maxValues = MaxDocumentBytes / 16

// maxDepth is how deeply a document is nested: its own rules to seven levels
// (alternatives, an element, metadata, properties, a property, its list; and the document
// itself), and what it was made from a little deeper.
const maxDepth = 10

// The refusals of this package. Field leads to the member, such as
// "rules.models.allow[3]".
var (
	ErrDocument = fault.New(fault.Invalid, "policy.invalid", "This is not a policy.")
	ErrSet      = fault.New(fault.Invalid, "policy.set", "These policies cannot be put together.")
)

// Parse reads a document. It refuses members it does not know, members that stand
// twice, null, words that no version of the standards has, lists that are empty or
// name something twice, and documents without a rule. The JSON form of what it returns
// can be parsed again, to the same.
//
// A refusal is [ErrDocument] with the offending member in Field; the document is then
// nil.
func Parse(data []byte) (*Document, error) {
	d := new(Document)
	err := strictjson.Decode(data, d,
		strictjson.MaxBytes(MaxDocumentBytes), strictjson.MaxDepth(maxDepth), strictjson.MaxValues(maxValues),
		strictjson.DisallowUnknown(), strictjson.DisallowNull())
	if err != nil {
		return nil, unreadable(data, err)
	}
	if path, found := find(data, func(t json.Token, _ int64) bool { return t == nil }); found {
		return nil, wrong(path, "Null has no meaning here. Leave the member out.")
	}
	c, err := d.checked()
	if err != nil {
		return nil, err
	}
	// With its defaults filled in it is longer, and has to be readable again.
	if len(encode(c)) > MaxDocumentBytes {
		return nil, wrong("", "A policy has at most %d bytes, those of its defaults included.", MaxDocumentBytes)
	}
	return c, nil
}

// unreadable says what the decoder refused, and where: of a value of the wrong type it
// knows the member, and not which element of its list it is.
func unreadable(data []byte, err error) error {
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return ErrDocument.Because(err)
	}
	path := e.Path
	if e.Reason == strictjson.Type {
		if exact, found := find(data, func(_ json.Token, end int64) bool { return end >= e.Offset }); found {
			path = exact
		}
	}
	return ErrDocument.Because(err).At(path).Saying("This is not a policy: %s.", e.Detail)
}

// wrong returns the refusal of what stands at path.
func wrong(path, format string, args ...any) error {
	return ErrDocument.At(path).Saying(format, args...)
}

// find returns the path of the first value in data, which is JSON, that is wanted. A
// value is known by its first token, and by where that ends.
func find(data []byte, wanted func(t json.Token, end int64) bool) (path string, found bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	for err := error(nil); err == nil && !found; {
		path, found, err = findIn(dec, wanted)
	}
	return path, found
}

// findIn looks at the next value of dec, and what is in it. The path begins there.
func findIn(dec *json.Decoder, wanted func(json.Token, int64) bool) (path string, found bool, err error) {
	token, err := dec.Token()
	if err != nil {
		return "", false, err
	}
	if wanted(token, dec.InputOffset()) {
		return "", true, nil
	}
	open, ok := token.(json.Delim)
	if !ok {
		return "", false, nil
	}
	for i := 0; dec.More(); i++ {
		var name json.Token
		if open == '{' {
			if name, err = dec.Token(); err != nil {
				return "", false, err
			}
		}
		path, found, err = findIn(dec, wanted)
		switch {
		case err != nil:
			return "", false, err
		case found && open == '{':
			return above(name.(string), path), true, nil // the decoder lets nothing else be a name
		case found:
			return above("["+strconv.Itoa(i)+"]", path), true, nil
		}
	}
	_, err = dec.Token() // the closing one
	return "", false, err
}

// above puts a member's name, or an index in brackets, in front of a path.
func above(step, path string) string {
	if path == "" || path[0] == '[' {
		return step + path
	}
	return step + "." + path
}

// join returns the path of a member of what stands at path.
func join(path, member string) string {
	if path == "" {
		return member
	}
	return path + "." + member
}
