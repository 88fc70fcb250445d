package plugout

import (
	"strings"
	"testing"
)

const (
	testBox   = "6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911"
	testToken = "b1a7c0de-51d3-4d0b-8f35-0c2b8a9e7741"
	testURL   = "https://msg.example.com:20400/hermod/rest/ms/" + testBox
)

func TestParseLink(t *testing.T) {
	good := Link{BoxURL: testURL, Token: testToken}
	esc := func(s string) string { return strings.NewReplacer(":", "%3a", "/", "%2F").Replace(s) }
	tests := []struct {
		name, text string
		want       Link
	}{
		{"mixed-case escapes", Scheme + ":///?url=https%3a%2f%2fmsg.example.com%3A20400%2fhermod%2Frest%2Fms%2F" + testBox + "&token=" + testToken, good},
		{"emitted form", good.String(), good},
		{"parameters turned round", Scheme + ":///?token=" + testToken + "&url=" + esc(testURL), good},
		{"no escapes at all", Scheme + ":///?url=" + testURL + "&token=" + testToken, good},
		{"upper-case scheme and ids", strings.ToUpper(Scheme) + ":///?url=" + esc("HTTPS://MSG.example.com:20400/hermod/rest/ms/"+strings.ToUpper(testBox)) + "&token=" + strings.ToUpper(testToken), good},
		{"two slashes, as some desktops rewrite it", Scheme + "://?url=" + esc(testURL) + "&token=" + testToken, good},
		{"no slashes", Scheme + ":?url=" + esc(testURL) + "&token=" + testToken, good},
		{"default port", Link{BoxURL: "https://msg.example.com:443/ms/" + testBox, Token: testToken}.String(), Link{BoxURL: "https://msg.example.com/ms/" + testBox, Token: testToken}},
		{"address", Link{BoxURL: "https://127.0.0.1:8443/ms/" + testBox, Token: testToken}.String(), Link{BoxURL: "https://127.0.0.1:8443/ms/" + testBox, Token: testToken}},
		{"address, version 6", Link{BoxURL: "https://[::1]:8443/ms/" + testBox, Token: testToken}.String(), Link{BoxURL: "https://[::1]:8443/ms/" + testBox, Token: testToken}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseLink(tt.text)
			if err != nil || got != tt.want {
				t.Fatalf("ParseLink(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
			}
		})
	}
	if got := good.BoxID(); got != testBox {
		t.Errorf("BoxID = %q", got)
	}
	if got := good.Host(); got != "msg.example.com:20400" {
		t.Errorf("Host = %q", got)
	}
}

func TestParseLinkRefuses(t *testing.T) {
	with := func(url, token string) string { return Link{BoxURL: url, Token: token}.String() }
	box := func(prefix string) string { return with(prefix+"/ms/"+testBox, testToken) }
	tests := []struct{ name, text string }{
		{"empty", ""},
		{"other scheme", "personal:///?url=" + testURL + "&token=" + testToken},
		{"scheme only", Scheme},
		{"authority", Scheme + "://host/?url=" + testURL + "&token=" + testToken},
		{"four slashes", Scheme + ":////?url=" + testURL + "&token=" + testToken},
		{"no token", Scheme + ":///?url=" + testURL},
		{"no url", Scheme + ":///?token=" + testToken},
		{"token twice", with(testURL, testToken) + "&token=" + testToken},
		{"url twice", with(testURL, testToken) + "&url=" + testURL},
		{"further parameter", with(testURL, testToken) + "&x=1"},
		{"trailing ampersand", with(testURL, testToken) + "&"},
		{"fragment on the link", with(testURL, testToken) + "#x"},
		{"broken escape", Scheme + ":///?url=%zz&token=" + testToken},
		{"token is no UUID", with(testURL, "1234")},
		{"token with braces", with(testURL, "{"+testToken+"}")},
		{"http", with(strings.Replace(testURL, "https", "http", 1), testToken)},
		{"file", with("file:///ms/"+testBox, testToken)},
		{"no scheme", with("//msg.example.com/ms/"+testBox, testToken)},
		{"user information", box("https://user:pass@msg.example.com")},
		{"empty user information", box("https://@msg.example.com")},
		{"query", with(testURL+"?a=b", testToken)},
		{"empty query", with(testURL+"?", testToken)},
		{"fragment", with(testURL+"#a", testToken)},
		{"escape inside the box URL", box("https://msg.example.com/%2e%2e")},
		{"escaped host", box("https://msg%2eexample.com")},
		{"backslash", box(`https://msg.example.com\@evil.example`)},
		{"line break", box("https://msg.example.com/\n")},
		{"space", box("https://msg.example.com/ a")},
		{"letter beyond ASCII", box("https://mßg.example.com")},
		{"no host", box("https://")},
		{"host with empty label", box("https://msg..example.com")},
		{"host with trailing dot", box("https://msg.example.com.")},
		{"host that begins with a hyphen", box("https://-msg.example.com")},
		{"host with underscore", box("https://m_g.example.com")},
		{"number as host", box("https://2130706433")},
		{"short address", box("https://127.1")},
		{"hexadecimal address", box("https://0x7f000001")},
		{"address with zone", box("https://[fe80::1%25eth0]")},
		{"version 4 in brackets", box("https://[127.0.0.1]")},
		{"long host", box("https://" + strings.Repeat("a.", 130) + "example")},
		{"empty port", box("https://msg.example.com:")},
		{"port zero", box("https://msg.example.com:0")},
		{"port too large", box("https://msg.example.com:65536")},
		{"port with leading zero", box("https://msg.example.com:0443")},
		{"no ms segment", with("https://msg.example.com/box/"+testBox, testToken)},
		{"box id missing", with("https://msg.example.com/ms/", testToken)},
		{"box id is no UUID", with("https://msg.example.com/ms/../x", testToken)},
		{"dot segments", box("https://msg.example.com/a/..")},
		{"empty segment", box("https://msg.example.com/")},
		{"behind the box id", with(testURL+"/session", testToken)},
		{"too long", box("https://msg.example.com/" + strings.Repeat("a", MaxLinkBytes))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseLink(tt.text)
			if ReasonOf(err) != ReasonLink || got != (Link{}) {
				t.Fatalf("ParseLink(%q) = %+v, %v; want a refusal", tt.text, got, err)
			}
			if strings.Contains(err.Error(), testToken) || strings.Contains(err.Error(), testBox) {
				t.Errorf("the error quotes the link: %v", err)
			}
		})
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(Link{BoxURL: testURL, Token: testToken}.String())
	f.Add(Scheme + ":///?url=https%3a%2f%2fmsg.example.com%3A20400%2fhermod%2Frest%2Fms%2F" + testBox + "&token=" + testToken)
	f.Add(Scheme + "://?token=" + testToken + "&url=" + testURL)
	f.Add(Link{BoxURL: "https://[::1]:8443/ms/" + testBox, Token: testToken}.String())
	f.Fuzz(func(t *testing.T, text string) {
		link, err := ParseLink(text)
		if err != nil {
			if link != (Link{}) {
				t.Fatalf("a link beside the error: %+v", link)
			}
			return
		}
		again, err := ParseLink(link.String())
		if err != nil || again != link {
			t.Fatalf("ParseLink(%q) = %+v, whose own form gives %+v, %v", text, link, again, err)
		}
		if !strings.HasPrefix(link.BoxURL, "https://"+link.Host()+"/") || !isUUID(link.BoxID()) || !isUUID(link.Token) {
			t.Fatalf("not fit for use: %+v", link)
		}
	})
}
