package bpmn

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var formKey = regexp.MustCompile(`^[A-Za-z][\w.-]{0,63}$`)

func (r *reader) userTask(n *node, e *Element) {
	e.Kind = UserTask
	e.Form = r.form(n)
	e.Form.Assignee = r.template(n, "assignee", n.ext("assignee"))
	role := n.ext("candidateGroups")
	if strings.ContainsAny(role, ",${ ") {
		r.refuse(n, "has several candidate groups, or an expression for them", "name one role")
	}
	e.Form.Role = role
}

// form reads what a person is asked for, in the manner of any of the engines.
func (r *reader) form(n *node) *Form {
	f := &Form{Key: n.ext("formKey")}
	if f.Key != "" && !formKey.MatchString(f.Key) {
		r.refuse(n, "its form key does not name a page", "use letters, digits, ., - and _, such as plugout")
	}
	if x := n.kid("extensionElements"); x != nil {
		for _, k := range x.extKids("formProperty") {
			r.addField(n, f, r.formProperty(n, k))
		}
		for _, data := range x.extKids("formData") {
			for _, k := range data.extKids("formField") {
				r.addField(n, f, r.formField(n, k))
			}
		}
	}
	if f.Key == PlugoutForm {
		r.plugoutFields(n, f)
	}
	return f
}

// plugoutFields completes a form of the key [PlugoutForm]: the fields that it is about are
// there, each with the variable of its own name where the file does not say another, and
// nobody fills them in.
func (r *reader) plugoutFields(n *node, f *Form) {
	for _, name := range []string{PlugoutURLField, PlugoutSessionField} {
		i := slices.IndexFunc(f.Fields, func(field Field) bool { return field.Name == name })
		if i < 0 {
			i = len(f.Fields)
			f.Fields = append(f.Fields, Field{Name: name, Type: TextField})
		}
		field := &f.Fields[i]
		if field.Default.IsZero() {
			field.Default = r.template(n, "field "+name, "${"+name+"}")
		}
		field.Required, field.ReadOnly = false, true
	}
}

func (r *reader) addField(n *node, f *Form, field Field) {
	what := "field " + strconv.Quote(field.Name)
	if err := CheckName(field.Name); err != nil {
		r.refuse(n, what+": "+err.Error(), "")
		return
	}
	for _, other := range f.Fields {
		if other.Name == field.Name {
			r.refuse(n, what+" is in the form twice", "remove one")
			return
		}
	}
	if (field.Type == EnumField) != (len(field.Options) > 0) {
		r.refuse(n, what+" is an enumeration without values, or has values and is none", "give an enum its values")
	}
	if s, ok := field.Default.Literal(); ok && !field.Default.IsZero() && !field.takes(s) {
		r.refuse(n, what+" cannot have its default", "give it one of its type")
	}
	f.Fields = append(f.Fields, field)
}

// formProperty reads a field as flowable and activiti write it.
func (r *reader) formProperty(n, k *node) Field {
	f := Field{
		Name: k.attr("id"), Label: k.attr("name"), Type: r.fieldType(n, k),
		Required: k.attr("required") == "true", ReadOnly: k.attr("writable") == "false",
	}
	written := k.attr("default")
	for _, other := range []string{"value", "expression"} {
		if written == "" {
			written = k.attr(other)
		}
	}
	f.Default = r.template(n, "field "+f.Name, written)
	if v := k.attr("variable"); v != "" && v != f.Name {
		r.refuse(n, "field "+f.Name+" sets the variable "+v, "call the field as its variable")
	}
	if k.attr("readable") == "false" {
		r.refuse(n, "field "+f.Name+" may not be seen", "remove it")
	}
	f.Options = options(k)
	return f
}

// formField reads a field as camunda writes it.
func (r *reader) formField(n, k *node) Field {
	f := Field{Name: k.attr("id"), Label: k.attr("label"), Type: r.fieldType(n, k)}
	f.Default = r.template(n, "field "+f.Name, k.attr("defaultValue"))
	f.Options = options(k)
	for _, v := range k.extKids("validation") {
		for _, c := range v.extKids("constraint") {
			on := c.attr("config") != "false"
			switch name := c.attr("name"); name {
			case "required":
				f.Required = on
			case "readonly":
				f.ReadOnly = on
			default:
				r.refuse(n, "field "+f.Name+" has the constraint "+name+", which is not checked here", "remove it, and check by an exclusive gateway")
			}
		}
	}
	return f
}

func options(k *node) []Option {
	var found []Option
	for _, v := range k.extKids("value") {
		label := v.attr("name")
		if label == "" {
			label = v.attr("id")
		}
		found = append(found, Option{v.attr("id"), label})
	}
	return found
}

func (r *reader) fieldType(n, k *node) FieldType {
	switch t := FieldType(k.attr("type")); t {
	case "":
		return TextField
	case "integer":
		return NumberField
	case TextField, LongText, NumberField, BooleanField, DateField, EnumField:
		return t
	default:
		r.refuse(n, "field "+k.attr("id")+" is of the unknown type "+string(t), "use string, text, long, boolean, date or enum")
		return TextField
	}
}

// takes reports whether a literal can be the value of the field.
func (f Field) takes(s string) bool {
	switch f.Type {
	case NumberField:
		i, err := strconv.ParseInt(s, 10, 64)
		return err == nil && strconv.FormatInt(i, 10) == s
	case BooleanField:
		return s == "true" || s == "false"
	case EnumField:
		for _, o := range f.Options {
			if o.Value == s {
				return true
			}
		}
		return false
	default:
		return true
	}
}

// typed makes a number or a truth of a default that is written as text.
func (f Field) typed(v json.RawMessage) json.RawMessage {
	if f.Type != NumberField && f.Type != BooleanField {
		return v
	}
	if got := valueOf(v); got.kind == text && f.takes(got.text) {
		return json.RawMessage(got.text)
	}
	return v
}
