package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var errGone = New(Gone, "ceremony.expired", "This has expired.")

func TestVariantsAreTheSameFault(t *testing.T) {
	cause := errors.New("row 7")
	for name, err := range map[string]error{
		"itself":        errGone,
		"with a cause":  errGone.Because(cause),
		"with a member": errGone.At("challenge"),
		"other words":   errGone.Saying("It expired at %s.", "noon"),
		"wrapped":       fmt.Errorf("finish: %w", errGone.Because(cause)),
		"joined":        errors.Join(errors.New("first"), errGone),
	} {
		if !errors.Is(err, errGone) || KindOf(err) != Gone || From(err).Code != "ceremony.expired" {
			t.Errorf("%s: %v is not the fault any more", name, err)
		}
	}
	if errors.Is(errGone, New(Gone, "ceremony.used", "")) {
		t.Error("another code is the same fault")
	}
	if !errors.Is(errGone.Because(cause), cause) {
		t.Error("the cause is lost")
	}
	if errGone.Err != nil || errGone.Field != "" || errGone.Public != "This has expired." {
		t.Errorf("a variant changed the original: %+v", errGone)
	}
}

func TestWhatHasNoNameIsNotShown(t *testing.T) {
	f := From(errors.New("table ceremony is gone"))
	if f.Kind != Internal || strings.Contains(f.Public, "ceremony") || !strings.Contains(f.Error(), "ceremony") {
		t.Errorf("%+v", f)
	}
	if From(nil) != nil || KindOf(nil) != Internal {
		t.Error("no error became a fault")
	}
}

func TestZeroKindIsInternal(t *testing.T) {
	var f Error
	if f.Kind != Internal || f.Kind.String() != "internal" || Kind(200).String() != "internal" {
		t.Errorf("kind %v", f.Kind)
	}
	seen := map[string]bool{}
	for k := Internal; k <= Unavailable; k++ {
		if seen[k.String()] {
			t.Errorf("two kinds are called %s", k)
		}
		seen[k.String()] = true
	}
}
