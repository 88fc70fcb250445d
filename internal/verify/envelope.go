package verify

import (
	"bytes"
	"encoding/json"

	"bestow.dev/internal/strictjson"
)

// envelope is a case of which nothing is known yet but where its response stands.
// The response is under judgement: if it names a member twice or is not UTF-8, it is
// to be refused, and that does not make the rest of the case unreadable.
type envelope struct {
	id       string // empty if none could be read
	text     []byte // the case, with 0 for the response
	response []byte // as it stood in the case; nil if it is not there
}

// open finds the response in a case. Whether the rest is a case is not judged: a text
// in which no response can be found comes back as it is.
func open(text []byte) envelope {
	in := envelope{text: text}
	dec := json.NewDecoder(bytes.NewReader(text))
	if first, err := dec.Token(); err != nil || first != json.Delim('{') {
		return in
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return in
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return in
		}
		switch {
		case name == "id" && in.id == "":
			// A verdict is found by its id even where the case was no good.
			if strictjson.Decode(value, &in.id, strictjson.MaxBytes(MaxCaseBytes)) != nil {
				in.id = ""
			}
		case name == "response" && in.response == nil:
			in.response = value
			in.text = blot(text, int(dec.InputOffset())-len(value), len(value))
		}
	}
	return in
}

// blot returns a copy of text in which a value is 0, and everything else stands where
// it stood.
func blot(text []byte, start, length int) []byte {
	text = bytes.Clone(text)
	value := text[start : start+length]
	for i := range value {
		value[i] = ' '
	}
	value[0] = '0'
	return text
}
