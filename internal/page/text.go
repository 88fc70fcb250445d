package page

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"time"

	"golang.org/x/text/language"
)

// The languages of pages. The first is for who asks for none of them.
const (
	English = "en"
	German  = "de"
)

var languages = []string{English, German}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German})

// maxAcceptLanguage bounds what is read of the header; browsers send some hundred bytes.
const maxAcceptLanguage = 1024

// Language returns the language that r's Accept-Language asks for the most.
func Language(r *http.Request) string {
	wanted := r.Header.Get("Accept-Language")
	tags, _, err := language.ParseAcceptLanguage(wanted[:min(len(wanted), maxAcceptLanguage)])
	if err != nil || len(tags) == 0 {
		return English
	}
	_, i, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return English
	}
	return languages[i]
}

// Text is a text in every language. It may hold verbs of [fmt.Sprintf].
type Text struct{ EN, DE string }

// In returns the text in a language.
func (t Text) In(lang string) string {
	if lang == German {
		return t.DE
	}
	return t.EN
}

// Texts are the texts of some pages by key.
type Texts map[string]Text

// Say returns a text in a language, with args put into it. It returns an error for a
// key that is not there.
func (t Texts) Say(lang, key string, args ...any) (string, error) {
	text, ok := t[key]
	if !ok {
		return "", fmt.Errorf("page: there is no text %q", key)
	}
	if len(args) == 0 {
		return text.In(lang), nil
	}
	return fmt.Sprintf(text.In(lang), args...), nil
}

// Fault returns what people read about a fault: its own text, of the key "fault." and its
// code, where they can do something about it; else that of its kind, of the key "kind." and
// that; else that of "kind.internal".
func (t Texts) Fault(lang, code, kind string) string {
	for _, key := range []string{"fault." + code, "kind." + kind} {
		if text, ok := t[key]; ok {
			return text.In(lang)
		}
	}
	return t["kind.internal"].In(lang)
}

// Templates are pages in every language. They are safe for concurrent use.
type Templates struct {
	Texts Texts

	byLanguage map[string]*template.Template
}

// Parse reads the templates that patterns name. Beside what html/template has, they
// have three functions: t "key" args... is a text, time a moment in UTC and lang the
// language. A template that does not parse panics, as it is part of the program.
func Parse(files fs.FS, texts Texts, patterns ...string) *Templates {
	all := &Templates{Texts: texts, byLanguage: make(map[string]*template.Template)}
	for _, lang := range languages {
		functions := template.FuncMap{
			"t":    func(key string, args ...any) (string, error) { return texts.Say(lang, key, args...) },
			"time": Time,
			"lang": func() string { return lang },
		}
		all.byLanguage[lang] = template.Must(template.New("").Funcs(functions).ParseFS(files, patterns...))
	}
	return all
}

// Time is a moment as pages show it: in UTC, to the second; empty for the zero time.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// HTML renders the template name in a language.
func (t *Templates) HTML(lang, name string, data any) (template.HTML, error) {
	var b bytes.Buffer
	if err := t.byLanguage[lang].ExecuteTemplate(&b, name, data); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil // a template made it, and escaped what is in it
}

// Render writes the template name in a language, or nothing if it fails.
func (t *Templates) Render(w io.Writer, lang, name string, data any) error {
	text, err := t.HTML(lang, name, data)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, string(text))
	return err
}
