package webauthn_test

import (
	"errors"
	"testing"

	"bestow.dev/webauthn"
)

func FuzzRequestOptions(f *testing.F) {
	good := `{"challenge":"AAECAwQFBgcICQoLDA0ODw","rpId":"login.example.com","timeout":60000,"userVerification":"required",` +
		`"allowCredentials":[{"type":"public-key","id":"AQID","transports":["usb"]}],"extensions":{"x":true}}`
	if _, err := webauthn.ParseRequestOptions([]byte(good)); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(good))
	f.Add([]byte(`{"publicKey":` + good + `}`))
	f.Add([]byte(`{"challenge":"AAECAwQFBgcICQoLDA0ODw","rpId":"login.example.com","allowCredentials":[{"type":"public-key","id":"AAEC"}],
		"extensions":{"appid":"https://login.example.com/app.json","prf":{"evalByCredential":{"AAEC":{"first":"AQ"}}},"largeBlob":{"write":"AQ"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		opts, err := webauthn.ParseRequestOptions(data)
		if err != nil {
			if _, ok := errors.AsType[*webauthn.OptionsError](err); !ok || opts != nil {
				t.Errorf("error %v came with %+v", err, opts)
			}
			return
		}
		if err := opts.Check(); err != nil {
			t.Errorf("accepted options do not pass their check: %v", err)
		}
	})
}
