package plugout

import (
	"bytes"
	"encoding/json"
	"errors"
)

// decode reads one JSON document of at most limit bytes; members that into does not
// have are ignored.
func decode(data []byte, limit int, into any) error { return read(data, limit, into, false) }

// decodeKnown is decode for documents whose members are all known.
func decodeKnown(data []byte, limit int, into any) error { return read(data, limit, into, true) }

func read(data []byte, limit int, into any, known bool) error {
	if len(data) > limit {
		return refuse(ReasonTooLarge, "document is larger than %d bytes", limit)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if known {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(into); err != nil {
		return refuse(ReasonMalformed, "not the JSON expected here")
	}
	if dec.More() {
		return refuse(ReasonMalformed, "something follows the JSON document")
	}
	return nil
}

// detail returns the words of a refusal without its reason.
func detail(err error) string {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Detail
	}
	return err.Error()
}
