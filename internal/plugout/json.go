package plugout

import (
	"errors"

	"bestow.dev/internal/strictjson"
)

// decode reads one JSON document of at most limit bytes. Members that into does not
// have are ignored: a later edition may add some.
func decode(data []byte, limit int, into any) error {
	return refuseJSON(strictjson.Decode(data, into, strictjson.MaxBytes(limit)))
}

// decodeKnown is decode for documents whose members are all known.
func decodeKnown(data []byte, limit int, into any) error {
	return refuseJSON(strictjson.Decode(data, into, strictjson.MaxBytes(limit), strictjson.DisallowUnknown()))
}

func refuseJSON(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return refuse(ReasonMalformed, "not the JSON expected here")
	}
	if e.Reason == strictjson.Size {
		return refuse(ReasonTooLarge, "document is longer than allowed")
	}
	return refuse(ReasonMalformed, "%v", e)
}

// detail returns the words of a refusal without its reason.
func detail(err error) string {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Detail
	}
	return err.Error()
}
