package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// trail is a Store over a list.
type trail []Event

func (t trail) AuditEvents(_ context.Context, q Query) ([]Event, error) {
	var out []Event
	for _, e := range t {
		if e.Seq > q.After && len(out) < q.Limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (t trail) AuditHead(context.Context, string) (seq int64, hash [sha256.Size]byte, err error) {
	if len(t) == 0 {
		return 0, hash, nil
	}
	last := t[len(t)-1]
	return last.Seq, last.Hash, nil
}

func newTrail(n int) trail {
	t := make(trail, n)
	var prev [sha256.Size]byte
	for i := range t {
		t[i] = Event{
			Tenant: "acme", Time: time.UnixMilli(int64(i)).UTC(), Action: "credential.registered",
			Actor: Actor{Client, "idm"}, User: "u1", Outcome: OK, Detail: map[string]string{"a": "1", "b": "2"},
		}
		t[i].Seal(int64(i+1), prev)
		prev = t[i].Hash
	}
	return t
}

func TestVerify(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(trail) trail
		good  bool
	}{
		{"untouched", func(t trail) trail { return t }, true},
		{"empty", func(trail) trail { return nil }, true},
		{"user changed", func(t trail) trail { t[3].User = "u2"; return t }, false},
		{"detail changed", func(t trail) trail { t[3].Detail["a"] = "2"; return t }, false},
		{"detail moved between members", func(t trail) trail { t[3].Detail = map[string]string{"a": "1b", "": "2"}; return t }, false},
		{"text moved between fields", func(t trail) trail { t[3].Actor.ID, t[3].Via = "id", "m"; return t }, false},
		{"time changed", func(t trail) trail { t[3].Time = t[3].Time.Add(time.Millisecond); return t }, false},
		{"event removed", func(t trail) trail { return append(t[:3:3], t[4:]...) }, false},
		{"events swapped", func(t trail) trail { t[3], t[4] = t[4], t[3]; return t }, false},
		{"event sealed anew", func(t trail) trail { t[3].User = "u2"; t[3].Seal(4, t[3].Prev); return t }, false},
		{"first removed", func(t trail) trail { return t[1:] }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seq, _, err := Verify(t.Context(), tt.spoil(newTrail(2500)), "acme")
			if tt.good != (err == nil) {
				t.Fatalf("seq %d, error %v; want good: %v", seq, err, tt.good)
			}
			if err != nil && !errors.Is(err, ErrBroken) {
				t.Errorf("error %v is not ErrBroken", err)
			}
		})
	}
}

// cut is a trail whose end was removed while the head still names it.
type cut struct{ trail }

func (c cut) AuditEvents(ctx context.Context, q Query) ([]Event, error) {
	return c.trail[:len(c.trail)-1].AuditEvents(ctx, q)
}

func TestVerifyNoticesMissingEnd(t *testing.T) {
	if _, _, err := Verify(t.Context(), cut{newTrail(5)}, "acme"); !errors.Is(err, ErrBroken) {
		t.Errorf("got %v, want ErrBroken", err)
	}
}

func TestExport(t *testing.T) {
	var out bytes.Buffer
	if err := Export(t.Context(), newTrail(2500), "acme", &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2500 {
		t.Fatalf("%d lines, want 2500", len(lines))
	}
	var e struct {
		Seq   int64
		Time  string
		Hash  string
		Actor struct{ Kind, ID string }
	}
	if err := json.Unmarshal([]byte(lines[1]), &e); err != nil {
		t.Fatal(err)
	}
	if e.Seq != 2 || e.Time != "1970-01-01T00:00:00.001Z" || len(e.Hash) != 64 || e.Actor.ID != "idm" {
		t.Errorf("second line: %+v", e)
	}
}
