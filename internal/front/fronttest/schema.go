package fronttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Schema is as much of JSON Schema as the documents use.
type Schema struct {
	Ref        string `json:"$ref"`
	AnyOf      []*Schema
	OneOf      []*Schema
	Type       types // none: any
	Const      any
	Enum       []any
	Required   []string
	Properties map[string]*Schema
	Additional *bool `json:"additionalProperties"`
	Items      *Schema

	Format               string
	Pattern              string
	MinLength, MaxLength *int // in characters
	Minimum, Maximum     *float64

	Description string
}

// UnmarshalJSON implements [json.Unmarshaler]. What nobody checks is refused, so
// that no document promises more than the tests hold it to.
func (s *Schema) UnmarshalJSON(text []byte) error {
	type plain Schema
	r := json.NewDecoder(bytes.NewReader(text))
	r.DisallowUnknownFields()
	if err := r.Decode((*plain)(s)); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "date-time", "uuid"}, s.Format) {
		return fmt.Errorf("a format that nobody knows: %s", s.Format)
	}
	return nil
}

// types is the type of a schema, or several.
type types []string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *types) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	if err := json.Unmarshal(text, (*[]string)(t)); err != nil {
		return err
	}
	for _, name := range *t {
		if !slices.Contains([]string{"null", "boolean", "integer", "number", "string", "array", "object"}, name) {
			return fmt.Errorf("a type that nobody knows: %s", name)
		}
	}
	return nil
}

// has tells whether a value, as encoding/json reads it, is of the type.
func (t types) has(v any) bool {
	switch v := v.(type) {
	case nil:
		return slices.Contains(t, "null")
	case bool:
		return slices.Contains(t, "boolean")
	case float64:
		return slices.Contains(t, "number") || slices.Contains(t, "integer") && v == math.Trunc(v)
	case string:
		return slices.Contains(t, "string")
	case []any:
		return slices.Contains(t, "array")
	}
	return slices.Contains(t, "object")
}

// fits says how v does not have the form of s; nil if it does. at is where v stands.
func (d *Document) fits(s *Schema, v any, at string) error {
	if s == nil {
		return fmt.Errorf("%s: its form is not described", at)
	}
	if s.Ref != "" {
		named := d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		if named == nil {
			return fmt.Errorf("%s: there is no %s", at, s.Ref)
		}
		return d.fits(named, v, at)
	}
	if err := d.fitsChoice(s, v, at); err != nil {
		return err
	}
	if s.Const != nil && v != s.Const || len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s: %v is not one of those described", at, v)
	}
	if s.Type != nil && !s.Type.has(v) {
		return fmt.Errorf("%s: %v is no %s", at, v, strings.Join(s.Type, " or "))
	}
	switch v := v.(type) {
	case map[string]any:
		return d.fitsObject(s, v, at)
	case []any:
		return d.fitsArray(s, v, at)
	case float64:
		if s.Minimum != nil && v < *s.Minimum || s.Maximum != nil && v > *s.Maximum {
			return fmt.Errorf("%s: %v is out of the range described", at, v)
		}
	case string:
		return fitsString(s, v, at)
	}
	return nil
}

// fitsChoice is for anyOf and oneOf.
func (d *Document) fitsChoice(s *Schema, v any, at string) error {
	for _, choice := range []struct {
		of   []*Schema
		most int
	}{{s.AnyOf, len(s.AnyOf)}, {s.OneOf, 1}} {
		var why []error
		for _, one := range choice.of {
			if err := d.fits(one, v, at); err != nil {
				why = append(why, err)
			}
		}
		switch fit := len(choice.of) - len(why); {
		case len(choice.of) > 0 && fit == 0:
			return errors.Join(why...)
		case fit > choice.most:
			return fmt.Errorf("%s: has %d forms of which it may have one", at, fit)
		}
	}
	return nil
}

func (d *Document) fitsObject(s *Schema, object map[string]any, at string) error {
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			return fmt.Errorf("%s.%s is missing", at, name)
		}
	}
	for name, member := range object {
		p := s.Properties[name]
		if p == nil && s.Additional != nil && !*s.Additional {
			return fmt.Errorf("%s.%s is not described", at, name)
		}
		if p == nil {
			continue
		}
		if err := d.fits(p, member, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func (d *Document) fitsArray(s *Schema, list []any, at string) error {
	for i, item := range list {
		if err := d.fits(s.Items, item, at+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func fitsString(s *Schema, text, at string) error {
	if n := utf8.RuneCountInString(text); s.MinLength != nil && n < *s.MinLength || s.MaxLength != nil && n > *s.MaxLength {
		return fmt.Errorf("%s: %q is not of the length described", at, text)
	}
	if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) {
		return fmt.Errorf("%s: %q does not match %s", at, text, s.Pattern)
	}
	switch s.Format {
	case "date-time":
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	case "uuid":
		if !uuidForm.MatchString(text) {
			return fmt.Errorf("%s: %q is no UUID", at, text)
		}
	}
	return nil
}
