package bpmn

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of a file.
const (
	maxFileBytes  = 1 << 20
	maxElements   = 2000 // of the process part; the diagram may have maxDrawn more
	maxDrawn      = 20_000
	maxDepth      = 32
	maxAttributes = 64 // of one element
)

// The namespaces that say something. Everything in another one is somebody's notes.
const (
	modelSpace = "http://www.omg.org/spec/BPMN/20100524/MODEL"
	diSpace    = "http://www.omg.org/spec/BPMN/20100524/DI"
	dcSpace    = "http://www.omg.org/spec/DD/20100524/DC"
	ddiSpace   = "http://www.omg.org/spec/DD/20100524/DI"
	zeebeSpace = "http://camunda.org/schema/zeebe/1.0"
)

// engineSpaces are the namespaces in which editors write what a task does.
var engineSpaces = map[string]string{
	"http://flowable.org/bpmn":           "flowable",
	"http://activiti.org/bpmn":           "activiti",
	"http://camunda.org/schema/1.0/bpmn": "camunda",
}

// node is an element of a file.
type node struct {
	name  xml.Name
	attrs []xml.Attr
	kids  []*node
	chars strings.Builder // all text directly in it
	line  int
}

// text returns the text directly in n, without the space around it.
func (n *node) text() string { return strings.TrimSpace(n.chars.String()) }

// is reports whether n is the BPMN element of this name.
func (n *node) is(local string) bool { return n.name.Space == modelSpace && n.name.Local == local }

// attr returns an attribute of the standard, which has no namespace.
func (n *node) attr(local string) string {
	for _, a := range n.attrs {
		if a.Name.Space == "" && a.Name.Local == local {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// ext returns an attribute of one of the engines.
func (n *node) ext(local string) string {
	for _, a := range n.attrs {
		if a.Name.Local == local && engineSpaces[a.Name.Space] != "" {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// extKids returns the elements of one of the engines below n.
func (n *node) extKids(local string) []*node {
	var found []*node
	for _, k := range n.kids {
		if k.name.Local == local && engineSpaces[k.name.Space] != "" {
			found = append(found, k)
		}
	}
	return found
}

// kid returns the first BPMN element of this name below n, or nil.
func (n *node) kid(local string) *node {
	for _, k := range n.kids {
		if k.is(local) {
			return k
		}
	}
	return nil
}

// label names n in messages: by its id, or else as the standard calls it.
func (n *node) label() string {
	if id := n.attr("id"); id != "" && len(id) <= maxIDBytes {
		return id
	}
	return n.name.Local
}

// readXML reads a file as a tree, within the limits, and without what XML has beside
// elements: document types and entities are refused, and so is every character set but
// UTF-8.
func readXML(file []byte) (*node, error) {
	if len(file) > maxFileBytes {
		return nil, &DefinitionError{Problem: fmt.Sprintf("is larger than %d bytes", maxFileBytes), Instead: "leave out pictures and histories"}
	}
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	if !utf8.Valid(file) {
		return nil, &DefinitionError{Problem: "is not UTF-8", Instead: "save it as UTF-8"}
	}
	t := treeReader{dec: xml.NewDecoder(bytes.NewReader(file))}
	t.dec.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, &DefinitionError{Problem: fmt.Sprintf("is written in %q", charset), Instead: "save it as UTF-8"}
	}
	for {
		line, _ := t.dec.InputPos()
		token, err := t.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = t.take(token, line)
		}
		if err != nil {
			return nil, t.located(err, line)
		}
	}
	if t.root == nil {
		return nil, &DefinitionError{Line: 1, Problem: "has no element", Instead: notBPMN}
	}
	return t.root, nil
}

const notBPMN = "export it as BPMN 2.0 XML"

type treeReader struct {
	dec          *xml.Decoder
	root         *node
	open         []*node
	model, drawn int // elements so far
}

func (t *treeReader) take(token xml.Token, line int) error {
	switch token := token.(type) {
	case xml.StartElement:
		return t.start(token, line)
	case xml.EndElement:
		t.open = t.open[:len(t.open)-1]
	case xml.CharData:
		if len(t.open) > 0 {
			t.open[len(t.open)-1].chars.Write(token)
		}
	case xml.Directive:
		return &DefinitionError{Problem: "has a document type", Instead: "remove the line with <!DOCTYPE or <!ENTITY"}
	}
	return nil
}

func (t *treeReader) start(token xml.StartElement, line int) error {
	n := &node{name: token.Name, attrs: token.Copy().Attr, line: line}
	switch n.name.Space {
	case diSpace, dcSpace, ddiSpace:
		t.drawn++
	default:
		t.model++
	}
	switch {
	case t.model > maxElements || t.drawn > maxDrawn:
		return &DefinitionError{Problem: fmt.Sprintf("has more than %d elements", maxElements), Instead: "move a part into a process of its own, and call it"}
	case len(t.open) >= maxDepth:
		return &DefinitionError{Problem: fmt.Sprintf("nests elements deeper than %d", maxDepth)}
	case len(n.attrs) > maxAttributes:
		return &DefinitionError{Element: n.name.Local, Problem: fmt.Sprintf("has more than %d attributes", maxAttributes)}
	case len(t.open) == 0 && t.root != nil:
		return &DefinitionError{Problem: "has a second root element"}
	}
	if prefix := undeclared(n); prefix != "" {
		return &DefinitionError{Element: n.label(), Problem: "the prefix " + prefix + ": is declared nowhere", Instead: "declare its namespace at the root element"}
	}
	for i, a := range n.attrs {
		for _, b := range n.attrs[:i] {
			if a.Name == b.Name { // XML 1.0 §3.1; the decoder lets it pass
				return &DefinitionError{Element: n.label(), Problem: "has attribute " + a.Name.Local + " twice"}
			}
		}
	}
	if len(t.open) == 0 {
		t.root = n
	} else {
		above := t.open[len(t.open)-1]
		above.kids = append(above.kids, n)
	}
	t.open = append(t.open, n)
	return nil
}

// undeclared returns a prefix that n uses and nobody declared: the decoder gives it back
// as if it were a namespace.
func undeclared(n *node) string {
	prefixes := []string{"bpmn", "bpmn2", "flowable", "activiti", "camunda"}
	if slices.Contains(prefixes, n.name.Space) {
		return n.name.Space
	}
	for _, a := range n.attrs {
		if slices.Contains(prefixes, a.Name.Space) {
			return a.Name.Space
		}
	}
	return ""
}

// located gives an error its line, and the decoder's errors our form.
func (t *treeReader) located(err error, line int) error {
	var problem *DefinitionError
	if errors.As(err, &problem) {
		problem.Line = line
		return problem
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return &DefinitionError{Line: syntax.Line, Problem: "is not XML: " + syntax.Msg, Instead: notBPMN}
	}
	return &DefinitionError{Line: line, Problem: "is not XML", Instead: notBPMN}
}
