package bpmn_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"bestow.dev/internal/bpmn"
)

// Every definition can be drawn, with a diagram and without, as one well-formed picture
// that says what is where and runs nothing.
func TestDraw(t *testing.T) {
	hostile := strings.Replace(straight, `<startEvent id="start"/>`, `<startEvent id="start" name="&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"/>`, 1)
	texts := map[string][]byte{"hostile": []byte(hostile), "forked": []byte(forked), "guarded": []byte(guarded(`<errorEventDefinition/>`))}
	for name, text := range samples(t) {
		texts[name] = text
	}
	for name, text := range texts {
		d := parse(t, string(text))
		undrawn := *d
		undrawn.Diagram = nil
		for _, d := range []*bpmn.Definition{d, &undrawn} {
			svg := bpmn.Draw(d, bpmn.Picture{})
			for id := range d.Elements {
				if !bytes.Contains(svg, []byte(`data-element="`+id+`"`)) {
					t.Errorf("%s: %s is not in the picture", name, id)
				}
			}
			if bytes.Contains(svg, []byte("<script")) || bytes.Contains(svg, []byte("href")) {
				t.Errorf("%s: the picture is not only a picture", name)
			}
			dec := xml.NewDecoder(bytes.NewReader(svg))
			for {
				if _, err := dec.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Errorf("%s: %v", name, err)
					break
				}
			}
		}
	}
}
