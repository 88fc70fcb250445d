package bpmn

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT1S": time.Second, "PT0.5S": time.Second / 2, "PT10M": 10 * time.Minute, "PT1H30M": 90 * time.Minute,
		"P1D": 24 * time.Hour, "P2W": 14 * 24 * time.Hour, "P1DT1S": 24*time.Hour + time.Second, "PT90M": 90 * time.Minute,
		"": 0, "P": 0, "PT": 0, "P1": 0, "1S": 0, "PT1": 0, "PTS": 0, "PT1M1H": 0, "PT1S1S": 0, "P1Y": 0, "P1M": 0, "P1DT": 0,
		"PT0S": 0, "PT-1S": 0, "-PT1S": 0, "PT.5S": 0, "PT0.5M": 0, "PT1.2.3S": 0, "pt1s": 0, "P9999999999D": 0, "P100W1D100W": 0,
		"PT1S ": 0, "P1H": 0,
	} {
		if got, err := parseDuration(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	f.Add("P1W2DT3H4M5.5S")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseDuration(text); (err == nil) != (d > 0) || d > maxDuration {
			t.Fatalf("parseDuration(%q) = %v, %v", text, d, err)
		}
	})
}
