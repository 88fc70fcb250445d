package trust

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxFileBytes    = 1 << 20
	maxCertificates = 200 // in a set
)

// rootFile is what a file under roots/ says.
type rootFile struct {
	formats      []string // nil: it does not say
	source, date string
	certificates []*x509.Certificate
}

const (
	beginCertificate = "-----BEGIN CERTIFICATE-----"
	endCertificate   = "-----END CERTIFICATE-----"
)

// rootParser reads a file line by line.
type rootParser struct {
	file  rootFile
	said  []string         // keys of the head that were there
	block *strings.Builder // base64 of the certificate that is being read; nil outside
	began int              // its first line
}

// parseRoots reads certificates in PEM. Around them are comments, which begin with #,
// and empty lines, and nothing else: what is there by mistake should not look as if
// it counted. Comments before the first certificate may say "# formats: packed,
// fido-u2f", "# source: …" and "# date: 2026-11-27". Errors name the line and never
// quote what is not a comment.
func parseRoots(text []byte) (*rootFile, error) {
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("is larger than %d bytes", maxFileBytes)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("is not text in UTF-8")
	}
	p := new(rootParser)
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if err := p.line(strings.TrimSpace(line), number); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if p.block != nil {
		return nil, fmt.Errorf("line %d: the certificate that begins here does not end", p.began)
	}
	return &p.file, nil
}

func (p *rootParser) line(line string, number int) error {
	switch {
	case line == endCertificate && p.block != nil:
		return p.certificate()
	case p.block != nil:
		p.block.WriteString(line)
		return nil
	case line == "":
		return nil
	case line == beginCertificate:
		p.block, p.began = new(strings.Builder), number
		return nil
	case strings.HasPrefix(line, "#"):
		return p.comment(line)
	case strings.HasPrefix(line, "-----BEGIN "):
		return errors.New("a PEM block that is no certificate")
	}
	return errors.New("neither a certificate nor a comment; comments begin with #")
}

// certificate takes the block that has just ended.
func (p *rootParser) certificate() error {
	der, err := base64.StdEncoding.Strict().DecodeString(p.block.String())
	p.block = nil
	if err != nil {
		return errors.New("the certificate that ends here is not base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("the certificate that ends here does not parse: %w", err)
	}
	if slices.ContainsFunc(p.file.certificates, c.Equal) {
		return errors.New("the certificate that ends here is in the file twice")
	}
	if len(p.file.certificates) == maxCertificates {
		return fmt.Errorf("more than %d certificates", maxCertificates)
	}
	p.file.certificates = append(p.file.certificates, c)
	return nil
}

// comment takes what a comment in the head says about the file.
func (p *rootParser) comment(line string) error {
	if strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return errors.New("a comment with control characters")
	}
	key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimLeft(line, "#")), ":")
	if !ok || len(p.file.certificates) > 0 || !slices.Contains([]string{"formats", "source", "date"}, key) {
		return nil
	}
	if slices.Contains(p.said, key) {
		return fmt.Errorf("%s is said twice", key)
	}
	p.said = append(p.said, key)
	value = strings.TrimSpace(value)
	var err error
	switch key {
	case "formats":
		p.file.formats, err = parseFormats(value)
	case "source":
		p.file.source = value
	case "date":
		p.file.date = value
		if _, bad := time.Parse(time.DateOnly, value); bad != nil {
			err = fmt.Errorf("date: %q is not a day such as 2026-11-27", value)
		}
	}
	return err
}

// parseFormats reads a list with commas.
func parseFormats(value string) ([]string, error) {
	var formats []string
	for word := range strings.SplitSeq(value, ",") {
		word = strings.TrimSpace(word)
		if !slices.Contains(Formats(), word) {
			return nil, fmt.Errorf("formats: %q is none of %s", word, strings.Join(Formats(), ", "))
		}
		if slices.Contains(formats, word) {
			return nil, fmt.Errorf("formats: %s is said twice", word)
		}
		formats = append(formats, word)
	}
	if slices.Contains(formats, Metadata) && len(formats) > 1 {
		return nil, fmt.Errorf("formats: %s stands alone: who signs metadata does not vouch for keys", Metadata)
	}
	return formats, nil
}
