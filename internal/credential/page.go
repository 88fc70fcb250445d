package credential

import "encoding/base64"

// Limits of a page of results.
const (
	defaultPage = 100
	maxPage     = 1000

	maxCursorChars = 4 * maxNameChars // folding a name's case makes it longer
)

// pageLimit returns the number of entries a page is to have; zero is the default.
func pageLimit(n int) (int, error) {
	switch {
	case n == 0:
		return defaultPage, nil
	case n < 0 || n > maxPage:
		return 0, ErrLimit
	}
	return n, nil
}

// cursor makes the opaque form of where a page ended.
func cursor(last string) string { return base64.RawURLEncoding.EncodeToString([]byte(last)) }

// after reads a cursor; an empty one is the beginning.
func after(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || !validText(string(b), maxCursorChars) {
		return "", ErrCursor
	}
	return string(b), nil
}
