package policy_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/internal/policy"
)

// The page about policies says what is so: its examples are policies that something
// can pass, and every member there is has its place in it.
func TestPage(t *testing.T) {
	page := string(must(os.ReadFile("../../docs/policies.md")))
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(page, -1)
	var all []*policy.Document
	for _, m := range examples {
		d, err := policy.Parse([]byte(m[1]))
		if err != nil {
			t.Fatalf("%v\n%s", err, m[1])
		}
		all = append(all, d)
		if c := compile(t, d).Conflicts(lenient); len(c) > 0 {
			t.Errorf("%s: %v", d.Name, c)
		}
	}
	if len(all) != 3 {
		t.Errorf("the page has %d examples", len(all))
	}

	e := goodKey()
	e.Model.Entry.Statement.KeyProtection = []string{"secure_element"}
	set := compile(t, all[0], all[2])
	if d := set.Decide(e); !d.Allowed {
		t.Errorf("%v", d)
	}
	// The decision that the page shows is what is decided.
	e.Format, e.ProvesModel, e.Model.Entry.Statement.Description = "android-key", false, ""
	if d := set.Decide(e); d.Allowed || !strings.Contains(page, "    refused by "+d.RefusedBy.String()+"\n") {
		t.Errorf("the page does not show: refused by %v", d.RefusedBy)
	}
	c := compile(t, documents(t, `{"models": {"allow": ["`+bankModel+`"]}, "attestation": {"types": {"allow": ["none", "self"]}}}`)...).Conflicts(lenient)
	if len(c) != 1 || !strings.Contains(page, "    "+c[0].String()+"\n") {
		t.Errorf("the page does not show: %v", c)
	}

	for _, path := range members(reflect.TypeFor[policy.Document](), "") {
		short := strings.TrimPrefix(strings.TrimPrefix(path, "rules."), "metadata.properties.")
		if !strings.Contains(page, "`"+short+"`") && !regexp.MustCompile(`^(\w+)\.(anyOf|allOf|noneOf)$`).MatchString(short) {
			t.Errorf("the page does not explain %s", path)
		}
	}
}

// members returns the paths of what a document can say.
func members(t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return []string{path}
	}
	var all []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, members(f.Type, strings.TrimPrefix(path+"."+name, "."))...)
	}
	return all
}
