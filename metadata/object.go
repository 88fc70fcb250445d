package metadata

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/strictjson"
)

// object is a JSON object of which members are taken one by one, so that a bad one
// does not cost the others. Its text was scanned by strictjson before.
type object struct {
	members map[string]json.RawMessage
	path    string // of the object, with a point at the end; empty for the entry itself
	find    func(code Warning, member, detail string)
	damaged *bool // set where a member had to be left out
}

// newObject reads the members of an object.
func newObject(text []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, fmt.Errorf("null is no object")
	}
	return members, nil
}

// take reads a member into v, and strikes it off. null counts as absent, and leaves v.
func (o *object) take(name string, v any) error {
	raw, ok := o.members[name]
	delete(o.members, name)
	if !ok || string(raw) == "null" {
		return nil
	}
	return strictjson.Decode(raw, v, strictjson.DisallowNull(), strictjson.MaxBytes(MaxBLOBBytes), strictjson.MaxValues(maxValues(MaxBLOBBytes)))
}

// rest returns the members that nobody took, or nil.
func (o *object) rest() map[string]json.RawMessage {
	if len(o.members) == 0 {
		return nil
	}
	return o.members
}

// unknown returns the rest, and tells of it.
func (o *object) unknown() map[string]json.RawMessage {
	rest := o.rest()
	for _, name := range sortedNames(rest) {
		o.find(WarningUnknownMember, o.path+shown(name), "")
	}
	return rest
}

// damage tells of a member that had to be left out.
func (o *object) damage(code Warning, member, detail string) {
	*o.damaged = true
	o.find(code, o.path+member, detail)
}

// optional reads a member. One that is of another type counts as absent.
func optional[T any](o *object, name string) (value T) {
	if err := o.take(name, &value); err != nil {
		o.damage(WarningMemberMalformed, name, err.Error())
		var none T
		return none
	}
	return value
}

// requiredText reads a string that must not be absent or empty.
func requiredText(o *object, name string) string {
	text := optional[string](o, name)
	if text == "" {
		o.damage(WarningMemberMissing, name, "")
	}
	return text
}

// requiredList reads a list that must not be absent or empty.
func requiredList[T any](o *object, name string) []T {
	list := optional[[]T](o, name)
	if len(list) == 0 {
		o.damage(WarningMemberMissing, name, "")
		return nil
	}
	return list
}

// optionalDate reads a date; zero if absent.
func optionalDate(o *object, name string) time.Time {
	text := optional[string](o, name)
	if text == "" {
		return time.Time{}
	}
	date, err := parseDate(text)
	if err != nil {
		o.damage(WarningMemberMalformed, name, err.Error())
	}
	return date
}

// parseDate reads a day, and returns its first instant in UTC.
func parseDate(text string) (time.Time, error) {
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.32q is not a day of the form YYYY-MM-DD", text)
	}
	return date, nil
}

// endOfDay returns the first instant after the day that date begins.
func endOfDay(date time.Time) time.Time { return date.AddDate(0, 0, 1) }

// parseCertificate reads a certificate in standard base64. White space around it has
// been seen in published statements, and is passed over, as are line breaks.
func parseCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	return x509.ParseCertificate(der)
}

// optionalCertificate reads a certificate; nil if absent.
func optionalCertificate(o *object, name string) *x509.Certificate {
	text := optional[string](o, name)
	if text == "" {
		return nil
	}
	c, err := parseCertificate(text)
	if err != nil {
		o.damage(WarningCertificateMalformed, name, err.Error())
		return nil
	}
	return c
}

// shown returns as much of a name as a finding shows. Names come from outside.
func shown(name string) string { return strings.ToValidUTF8(name[:min(len(name), 64)], "") }

func sortedNames(members map[string]json.RawMessage) []string {
	return slices.Sorted(maps.Keys(members))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
