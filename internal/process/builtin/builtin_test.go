package builtin

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/process"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"PT10M": 10 * time.Minute, "PT90S": 90 * time.Second, "P7D": 7 * 24 * time.Hour, "P1DT1H1M1S": 25*time.Hour + 61*time.Second,
		"PT": 0, "P": 0, "": 0, "10m": 0, "PT0S": 0, "PT1H1": 0, "P1Y": 0, "-PT1S": 0,
	} {
		got, err := parseDuration(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"PT10M", "P7D", "P1DT1H1M1S"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDuration(s)
		if (err == nil) != (d > 0) {
			t.Errorf("%q is %v (%v)", s, d, err)
		}
	})
}

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		task   string
		params map[string]string
		want   string // part of the refusal; empty: none
	}{
		{"setVariableTask", map[string]string{"name": "a", "value": "1"}, ""},
		{"setVariableTask", map[string]string{"name": "${a}", "value": "1", "errorTypeField": "e"}, ""},
		{"setVariableTask", map[string]string{"name": "a"}, "value is missing"},
		{"setVariableTask", map[string]string{"name": "1a", "value": "1"}, "name"},
		{"setVariableTask", map[string]string{"name": "a", "value": "1", "vlaue": "2"}, "no parameter vlaue"},
		{"waitTask", map[string]string{"duration": "PT10M"}, ""},
		{"waitTask", map[string]string{"duration": "${d}"}, ""},
		{"waitTask", map[string]string{"duration": "10 minutes"}, "not a duration"},
	} {
		err := Handlers()[c.task].Check(c.params)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %v: %v, want %q", c.task, c.params, err, c.want)
		}
	}
}

func TestWait(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	h := Handlers()["waitTask"].(process.Waker)
	w := process.Work{Key: "k", Now: noon, Params: map[string]json.RawMessage{"duration": json.RawMessage(`"PT10M"`)}}
	r, err := h.Do(t.Context(), w)
	if err != nil || r.Wait == nil || !r.Wait.Look.Equal(noon.Add(10*time.Minute)) {
		t.Fatalf("got %+v (%v), want a wait of ten minutes", r, err)
	}
	for after, over := range map[time.Duration]bool{0: false, 10*time.Minute - 1: false, 10 * time.Minute: true} {
		w.Now = noon.Add(after)
		if again, err := h.Wake(t.Context(), w, *r.Wait); err != nil || (again.Wait == nil) != over {
			t.Errorf("after %v: %+v (%v), want over %v", after, again, err, over)
		}
	}
	w.Params["duration"] = json.RawMessage(`"soon"`)
	if _, err := h.Do(t.Context(), w); !errors.As(err, new(*process.TaskError)) {
		t.Errorf("got %v, want an outcome that the process may deal with", err)
	}
}
