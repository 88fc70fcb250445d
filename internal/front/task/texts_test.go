package task

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/internal/page"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
)

var verbs = regexp.MustCompile(`%[a-z]`)

// TestTexts: every text is there in every language with the same verbs, whatever pages ask
// for is there, and there are words for all that can go wrong at a desk.
func TestTexts(t *testing.T) {
	for key, text := range texts {
		if text.EN == "" || text.DE == "" {
			t.Errorf("%s is not in every language", key)
		}
		if en, de := verbs.FindAllString(text.EN, -1), verbs.FindAllString(text.DE, -1); strings.Join(en, "") != strings.Join(de, "") {
			t.Errorf("%s: verbs %q and %q", key, en, de)
		}
	}
	keys := []string{"why.other", "now.other"}
	names, err := fs.Glob(assets, "assets/*.html")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		file, err := fs.ReadFile(assets, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`\bt "([^"]+)"`).FindAllStringSubmatch(string(file), -1) {
			keys = append(keys, found[1])
		}
	}
	for _, status := range []plugout.Status{
		plugout.StatusUserCancelled, plugout.StatusUnsupported, plugout.StatusNoAuthenticator, plugout.StatusCredentialExcluded,
		plugout.StatusPINNotSet, plugout.StatusPINInvalid, plugout.StatusPINBlocked, plugout.StatusUVFailed, plugout.StatusKeyStoreFull,
		plugout.StatusDeviceError, plugout.StatusTimeout, plugout.StatusSessionNotStarted, plugout.StatusSessionEnded,
		plugout.StatusCancelledByRequester, plugout.StatusInvalidResponse,
	} {
		keys = append(keys, "why."+string(status), "now."+string(status))
	}
	for _, state := range []provision.DeskState{provision.DeskWaiting, provision.DeskConnected, provision.DeskCreating, stateUnclear} {
		keys = append(keys, "live."+string(state), "do."+string(state))
	}
	for _, role := range tenant.Roles() {
		keys = append(keys, "role."+string(role))
	}
	for _, err := range []string{process.ErrLinkUnknown.Code, process.ErrLinkSpent.Code, process.ErrLinkExpired.Code, process.ErrTaskOver.Code} {
		keys = append(keys, "fault."+err)
	}
	for _, key := range keys {
		if strings.HasSuffix(key, ".%s") {
			continue // completed in the template
		}
		if _, err := texts.Say(page.English, key); err != nil {
			t.Error(err)
		}
	}
}

// What is no link of a desk is never offered as one.
func TestLinkOf(t *testing.T) {
	for value, offered := range map[string]bool{
		`"com.nexusgroup.plugout:///?url=https%3A%2F%2Fm.example%2Fms%2F6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911&token=b1a7c0de-51d3-4d0b-8f35-0c2b8a9e7741"`: true,
		`"javascript:alert(1)"`: false, `"https://evil.example/"`: false, `""`: false, `null`: false, `{}`: false,
		`"com.nexusgroup.plugout:///?url=http%3A%2F%2Fm.example%2Fms%2F6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911&token=b1a7c0de-51d3-4d0b-8f35-0c2b8a9e7741"`: false,
	} {
		task := &process.Task{Values: map[string]json.RawMessage{"plugoutUrl": json.RawMessage(value)}}
		if got := linkOf(task) != ""; got != offered {
			t.Errorf("%s is offered: %t", value, got)
		}
	}
}
