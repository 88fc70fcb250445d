package process

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Limits of a page of results.
const (
	defaultPage = 100
	maxPage     = 1000
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
func cursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMilli(), 10) + " " + id))
}

// readCursor reads a cursor; an empty one is the beginning.
func readCursor(text string) (at time.Time, id string, err error) {
	if text == "" {
		return time.Time{}, "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) > 100 {
		return time.Time{}, "", ErrCursor
	}
	number, id, ok := strings.Cut(string(b), " ")
	ms, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !ok || !plainID(id) {
		return time.Time{}, "", ErrCursor
	}
	return time.UnixMilli(ms).UTC(), id, nil
}

func plainID(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != ""
}
