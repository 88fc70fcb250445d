package bpmn

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxDuration is ten years: what is longer is a slip of the pen.
const maxDuration = 10 * 366 * 24 * time.Hour

var errDuration = errors.New("is not a duration such as PT90S, PT10M, PT1H30M or P7D, above zero and below ten years; years and months have no fixed length")

// parseDuration reads a duration of ISO 8601-1 §5.5.2: weeks, days, hours, minutes and
// seconds, the last of them with a fraction if need be.
func parseDuration(s string) (time.Duration, error) {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" || len(s) > 40 {
		return 0, errDuration
	}
	days, clock, hasClock := strings.Cut(rest, "T")
	if hasClock && clock == "" {
		return 0, errDuration
	}
	date, err := sum(days, []unit{{'W', 7 * 24 * time.Hour}, {'D', 24 * time.Hour}})
	if err != nil {
		return 0, err
	}
	hours, err := sum(clock, []unit{{'H', time.Hour}, {'M', time.Minute}, {'S', time.Second}})
	if err != nil {
		return 0, err
	}
	if total := date + hours; total > 0 && total <= maxDuration {
		return total, nil
	}
	return 0, errDuration
}

type unit struct {
	letter byte
	length time.Duration
}

// sum adds up numbers with their units, each unit at most once and in order.
func sum(s string, units []unit) (time.Duration, error) {
	var total time.Duration
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if n <= 0 {
			return 0, errDuration
		}
		for len(units) > 0 && units[0].letter != s[n] {
			units = units[1:]
		}
		if len(units) == 0 || strings.Contains(s[:n], ".") && units[0].letter != 'S' {
			return 0, errDuration
		}
		count, err := strconv.ParseFloat(s[:n], 64)
		length := count * float64(units[0].length)
		if err != nil || !isDigit(s[0]) || length > float64(maxDuration) {
			return 0, errDuration
		}
		total += time.Duration(length)
		s, units = s[n+1:], units[1:]
	}
	return total, nil
}

var errDate = errors.New("is not a date and time such as 2026-03-01T09:00:00Z (RFC 3339)")

func parseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, errDate
	}
	return t, nil
}
