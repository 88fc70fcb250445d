package process

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"strings"
)

// A secret variable stands in a run's state as a reference that nobody can guess; its
// value is a row of its own. So it is found by whoever needs it, and by nobody who lists
// variables, reads a state or follows a timeline. Expressions see the reference: a form
// field with the default ${plugoutUrl} holds the link when its assignee opens it.
const secretPrefix = "secret:"

// hide replaces secrets by references: it returns outputs with the references added, and
// the secrets by reference.
func hide(outputs, secrets map[string]json.RawMessage) (with, byRef map[string]json.RawMessage) {
	if len(secrets) == 0 {
		return outputs, nil
	}
	with = make(map[string]json.RawMessage, len(outputs)+len(secrets))
	for name, v := range outputs {
		with[name] = v
	}
	byRef = make(map[string]json.RawMessage, len(secrets))
	for name, v := range secrets {
		ref := secretPrefix + rand.Text()
		byRef[ref] = v
		with[name] = quote(ref)
	}
	return with, byRef
}

// reveal returns vars with the references replaced by their secrets, inside texts too.
func reveal(vars, secrets map[string]json.RawMessage) map[string]json.RawMessage {
	if len(secrets) == 0 {
		return vars
	}
	return replaceRefs(vars, func(ref string) (json.RawMessage, bool) {
		v, ok := secrets[ref]
		return v, ok
	})
}

// cover returns vars with the references replaced by a word that says what they are.
func cover(vars map[string]json.RawMessage) map[string]json.RawMessage {
	return replaceRefs(vars, func(string) (json.RawMessage, bool) { return json.RawMessage(`"(secret)"`), true })
}

func replaceRefs(vars map[string]json.RawMessage, value func(ref string) (json.RawMessage, bool)) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(vars))
	for name, v := range vars {
		out[name] = replaceRef(v, value)
	}
	return out
}

// refBytes is the length of a reference.
var refBytes = len(secretPrefix) + len(rand.Text())

// replaceRef replaces the references in a value. Inside a longer text a secret that is a
// text itself takes its reference's place.
func replaceRef(v json.RawMessage, value func(ref string) (json.RawMessage, bool)) json.RawMessage {
	for from := 0; ; {
		i := bytes.Index(v[from:], []byte(secretPrefix))
		if i < 0 || from+i+refBytes > len(v) {
			return v
		}
		at := from + i
		secret, ok := value(string(v[at : at+refBytes]))
		if !ok {
			from = at + len(secretPrefix)
			continue
		}
		begin, end := at, at+refBytes
		switch {
		case begin > 0 && end < len(v) && v[begin-1] == '"' && v[end] == '"':
			begin, end = begin-1, end+1 // the whole text is the reference
		default:
			secret = inner(secret)
		}
		replaced := append(append(bytes.Clone(v[:begin]), secret...), v[end:]...)
		from, v = begin+len(secret), replaced
	}
}

// inner is a secret as it stands within a text of JSON.
func inner(secret json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(secret, &text) != nil {
		text = string(secret)
	}
	quoted := quote(text)
	return quoted[1 : len(quoted)-1]
}

func quote(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s) // a string cannot fail
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

// hasRefs reports whether there may be a reference in vars whose secret is not among those
// that are known.
func hasRefs(vars, known map[string]json.RawMessage) bool {
	for _, v := range vars {
		for rest := v; ; {
			i := bytes.Index(rest, []byte(secretPrefix))
			if i < 0 || i+refBytes > len(rest) {
				break
			}
			if _, ok := known[string(rest[i:i+refBytes])]; !ok {
				return true
			}
			rest = rest[i+refBytes:]
		}
	}
	return false
}
