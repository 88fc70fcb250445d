package bpmn_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"bestow.dev/internal/bpmn"
)

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the picture is not XML: %v\n%s", err, svg)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "script" {
			t.Fatalf("a script in the picture:\n%s", svg)
		}
	}
}

func TestDraw(t *testing.T) {
	for _, name := range []string{"fido-provisioning.bpmn20.xml", "key-by-post.bpmn", "approval.bpmn"} {
		d := mustParse(t, sample(t, name))
		svg := bpmn.Draw(d, bpmn.Picture{})
		wellFormed(t, svg)
		for _, id := range d.Order {
			if !bytes.Contains(svg, []byte(`data-element="`+id+`"`)) {
				t.Errorf("%s: %s is not drawn", name, id)
			}
		}
		for id := range d.Flows {
			if !bytes.Contains(svg, []byte(`data-flow="`+id+`"`)) {
				t.Errorf("%s: flow %s is not drawn", name, id)
			}
		}
		for _, bad := range []string{"NaN", "Inf", "href", "%!"} {
			if bytes.Contains(svg, []byte(bad)) {
				t.Errorf("%s: %s in the picture", name, bad)
			}
		}
	}
}

func TestDrawMarks(t *testing.T) {
	d := mustParse(t, sample(t, "fido-provisioning.bpmn20.xml"))
	var p bpmn.Picture
	p.Show("start", bpmn.MoveEntered, "")
	p.Show("start", bpmn.MoveLeft, "")
	p.Show("getOptions", bpmn.MoveEntered, "toOptions")
	p.Show("storeCredential", bpmn.MoveEntered, "toStore")
	p.Show("storeCredential", bpmn.MoveFailed, "")
	p.Show("openLink", bpmn.MoveEntered, "toLink")
	p.Show("openLink", bpmn.MoveInterrupted, "")
	svg := string(bpmn.Draw(d, p))
	for _, want := range []string{
		`class="element startEvent passed" data-element="start"`,
		`class="element serviceTask standing" data-element="getOptions"`,
		`class="element serviceTask failed" data-element="storeCredential"`,
		`class="element userTask interrupted" data-element="openLink"`,
		`class="flow taken" data-flow="toOptions"`,
		`class="flow" data-flow="toConnection"`,
		`<desc>Under way: Get creation options; failed: Store credential; interrupted: Open the link; done: Asked for.</desc>`,
		`role="img"`,
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture has no %s", want)
		}
	}
}

// A page that allows no style within it has the style in a sheet of its own.
func TestDrawUnstyled(t *testing.T) {
	d := mustParse(t, file(good))
	with, without := string(bpmn.Draw(d, bpmn.Picture{})), string(bpmn.Draw(d, bpmn.Picture{Unstyled: true}))
	if !strings.Contains(with, bpmn.Style()) || strings.Contains(without, "<style") || strings.Contains(without, " style=") {
		t.Errorf("with style:\n%s\nwithout:\n%s", with, without)
	}
}

func TestDrawEscapes(t *testing.T) {
	body := strings.Replace(good, `<userTask id="ask"`, `<userTask name="&lt;script&gt;alert('&amp;&quot;')&lt;/script&gt;&#x9;x" id="ask"`, 1)
	d := mustParse(t, file(body))
	svg := bpmn.Draw(d, bpmn.Picture{Title: "</title><script>", Marks: map[string]bpmn.Mark{"ask": `"><script>`}})
	wellFormed(t, svg)
	if !bytes.Contains(svg, []byte("&lt;script&gt;")) {
		t.Error("the name is not there")
	}
}
