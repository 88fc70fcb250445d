package console

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzPathBack: wherever a link wants to lead, it is a page of the console, as browsers
// read it.
func FuzzPathBack(f *testing.F) {
	for _, to := range []string{
		"/console", "/console/users?search=a&after=b", "/console/users/01a21ba0-bb6b", "/console/a%20b", "//evil.example/console",
		"https://evil.example/console", "/console/..//evil.example", "/\\evil.example", "/console?\\", "javascript:alert(1)//console",
	} {
		f.Add(to)
	}
	site, err := url.Parse("https://id.example.com/console/signin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to string) {
		back := pathBack(to)
		if back != Root && !strings.HasPrefix(back, Root+"/") && !strings.HasPrefix(back, Root+"?") || strings.ContainsAny(back, "\\\r\n\t\x00 ") {
			t.Fatalf("%q leads to %q", to, back)
		}
		u, err := site.Parse(back)
		if err != nil || u.Host != site.Host || u.Scheme != site.Scheme || u.Path != Root && !strings.HasPrefix(u.Path, Root+"/") {
			t.Fatalf("%q leads to %v, %v", to, u, err)
		}
		if again := pathBack(back); again != back {
			t.Fatalf("%q leads to %q, and that to %q", to, back, again)
		}
	})
}
