package policy

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"bestow.dev/cose"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// Bounds on a document.
const (
	maxName         = 64
	maxDescription  = 500
	maxAlternatives = 16
	maxList         = 1024
)

// checked returns a copy of d in canonical form that shares nothing with it.
func (d *Document) checked() (*Document, error) {
	c, err := d.clone()
	if err != nil {
		return nil, err
	}
	if !validName(c.Name) {
		return nil, wrong("name", "The name has 1 to %d characters of a-z, 0-9, dot and hyphen, and begins and ends with a letter or digit.", maxName)
	}
	if len(c.Description) > maxDescription || !printable(c.Description) {
		return nil, wrong("description", "The description has at most %d bytes, none of them a control character.", maxDescription)
	}
	if c.Source != nil && c.Source[0] != '{' {
		return nil, wrong("source", "An object belongs here.")
	}
	c.Mode = cmp.Or(c.Mode, ModeEnforce)
	if c.Mode != ModeOff && c.Mode != ModeMonitor && c.Mode != ModeEnforce {
		return nil, wrong("mode", "The mode is off, monitor or enforce.")
	}
	if err := c.checkCeremonies(); err != nil {
		return nil, err
	}
	if err := c.checkRules(); err != nil {
		return nil, err
	}
	return c, nil
}

// clone copies d by way of its JSON form.
func (d *Document) clone() (*Document, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, ErrDocument.Because(err)
	}
	c := new(Document)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, ErrDocument.Because(err)
	}
	return c, nil
}

const emptyList = "The list is empty. Leave the member out, or say what is meant."

func validName(name string) bool {
	if len(name) == 0 || len(name) > maxName {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return strings.Trim(name, ".-") == name
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f })
}

func (d *Document) checkCeremonies() error {
	if d.At == nil {
		d.At = []Ceremony{Registration}
	}
	if len(d.At) == 0 {
		return wrong("at", emptyList)
	}
	for i, c := range d.At {
		if c != Registration && c != SignIn {
			return wrong(element("at", i), "A ceremony is registration or sign-in.")
		}
		if slices.Contains(d.At[:i], c) {
			return wrong(element("at", i), twice)
		}
	}
	slices.Sort(d.At)
	return nil
}

const twice = "This stands in the list twice."

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func (d *Document) checkRules() error {
	if d.Rules == nil && d.Alternatives == nil {
		return wrong("rules", "The policy has no rule.")
	}
	if d.Rules != nil {
		if err := d.Rules.check("rules"); err != nil {
			return err
		}
	}
	if d.Alternatives != nil && len(d.Alternatives) == 0 {
		return wrong("alternatives", emptyList)
	}
	if len(d.Alternatives) > maxAlternatives {
		return wrong("alternatives", "There are at most %d alternatives.", maxAlternatives)
	}
	for i := range d.Alternatives {
		if err := d.Alternatives[i].check(element("alternatives", i)); err != nil {
			return err
		}
	}
	return nil
}

// checker checks one group of rules and brings it into canonical form. It keeps the
// first refusal.
type checker struct{ err error }

func (c *checker) refuse(path, format string, args ...any) {
	if c.err == nil {
		c.err = wrong(path, format, args...)
	}
}

// check checks the group of rules that stands at path.
func (r *Rules) check(path string) error {
	if *r == (Rules{}) {
		return wrong(path, "There is no rule in here.")
	}
	var c checker
	c.selection(join(path, "models"), r.Models, model)
	c.selection(join(path, "keyIdentifiers"), r.KeyIdentifiers, keyIdentifier)
	c.metadata(join(path, "metadata"), r.Metadata)
	c.firmware(join(path, "firmware"), r.Firmware)
	c.attestation(join(path, "attestation"), r.Attestation)
	c.algorithms(join(path, "algorithms"), r.Algorithms)
	c.requirement(join(path, "userVerification"), r.UserVerification, Required)
	c.requirement(join(path, "residentKey"), r.ResidentKey, Required, Forbidden)
	c.requirement(join(path, "syncedPasskeys"), r.SyncedPasskeys, Required, Forbidden)
	c.requirement(join(path, "backedUp"), r.BackedUp, Required, Forbidden)
	c.words(join(path, "transports"), r.Transports, transportWords)
	switch webauthn.Attachment(r.Attachment) {
	case "", webauthn.AttachmentPlatform, webauthn.AttachmentCrossPlatform:
	default:
		c.refuse(join(path, "attachment"), "The attachment is platform or cross-platform.")
	}
	return c.err
}

// form brings one item of a list into its canonical form, or says what belongs there.
type form func(item string) (canonical, problem string)

func model(item string) (string, string) {
	id, err := webauthn.ParseAAGUID(item)
	switch {
	case err != nil:
		return "", "An AAGUID has the form 8-4-4-4-12 of hexadecimal digits."
	case id.IsZero():
		return "", "The AAGUID of zeros names no model."
	}
	return id.String(), ""
}

func keyIdentifier(item string) (string, string) {
	raw, err := hex.DecodeString(item)
	if err != nil || len(raw) != len(metadata.KeyIdentifier{}) {
		return "", "A key identifier has 40 hexadecimal digits."
	}
	return hex.EncodeToString(raw), ""
}

// oneOf is the form of words from a closed list.
func oneOf(known []string) form {
	return func(item string) (string, string) {
		if !slices.Contains(known, item) {
			return "", "This word is not known here. Known are " + strings.Join(known, ", ") + "."
		}
		return item, ""
	}
}

// length checks that a list is absent, or has a number of items that means something:
// an empty one would ask for nothing, or for everything.
func (c *checker) length(path string, n int, absent bool) {
	switch {
	case n == 0 && !absent:
		c.refuse(path, emptyList)
	case n > maxList:
		c.refuse(path, "The list has more than %d items.", maxList)
	}
}

// items checks a list and sorts it.
func (c *checker) items(path string, items []string, f form) {
	c.length(path, len(items), items == nil)
	if c.err != nil {
		return
	}
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		canonical, problem := f(item)
		switch {
		case problem != "":
			c.refuse(element(path, i), "%s", problem)
			return
		case seen[canonical]:
			c.refuse(element(path, i), twice)
			return
		}
		seen[canonical] = true
		items[i] = canonical
	}
	slices.Sort(items)
}

const nothingIn = "There is nothing in here. Leave the member out."

func (c *checker) selection(path string, s *Selection, f form) {
	if s == nil {
		return
	}
	if s.Allow == nil && s.Deny == nil {
		c.refuse(path, nothingIn)
	}
	c.items(join(path, "allow"), s.Allow, f)
	c.items(join(path, "deny"), s.Deny, f)
}

func (c *checker) words(path string, w *Words, known []string) {
	if w == nil {
		return
	}
	if w.AnyOf == nil && w.AllOf == nil && w.NoneOf == nil {
		c.refuse(path, nothingIn)
	}
	c.items(join(path, "anyOf"), w.AnyOf, oneOf(known))
	c.items(join(path, "allOf"), w.AllOf, oneOf(known))
	c.items(join(path, "noneOf"), w.NoneOf, oneOf(known))
}

func (c *checker) algorithms(path string, a *Algorithms) {
	if a == nil {
		return
	}
	if a.Allow == nil && a.Deny == nil {
		c.refuse(path, nothingIn)
	}
	c.numbers(join(path, "allow"), a.Allow)
	c.numbers(join(path, "deny"), a.Deny)
}

// numbers checks a list of algorithms. Twins are one algorithm (RFC 9864).
func (c *checker) numbers(path string, numbers []int32) {
	c.length(path, len(numbers), numbers == nil)
	if c.err != nil {
		return
	}
	for i, n := range numbers {
		alg := cose.Algorithm(n)
		switch {
		case !alg.Supported():
			c.refuse(element(path, i), "This is not the number of a COSE algorithm that can be verified.")
			return
		case slices.Contains(numbers[:i], int32(alg.Canonical())):
			c.refuse(element(path, i), twice)
			return
		}
		numbers[i] = int32(alg.Canonical())
	}
	slices.SortFunc(numbers, func(a, b int32) int { return cmp.Compare(b, a) }) // -7 first
}

func (c *checker) requirement(path string, r Requirement, may ...Requirement) {
	if r != "" && !slices.Contains(may, r) {
		c.refuse(path, "This is %s, or absent.", either(texts(may), "words"))
	}
}

// onlyTrue checks a member that is true or absent: what false would ask for is not
// plain.
func (c *checker) onlyTrue(path string, b *bool) {
	if b != nil && !*b {
		c.refuse(path, "This is true, or absent.")
	}
}

// texts returns words of any type as strings.
func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
