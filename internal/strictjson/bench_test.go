package strictjson_test

import (
	"encoding/json"
	"testing"

	"bestow.dev/internal/strictjson"
)

// clientData is of the size and form that browsers send.
const clientData = `{"type":"webauthn.get","challenge":"8eGEbQhlY4ySZfCaTzdsN0kTAxR4LfmZ8v4hNn0xT0k",` +
	`"origin":"https://login.bank.example","crossOrigin":false,"other_keys_can_be_added_here":"do not compare clientDataJSON against a template"}`

type collected struct {
	Type        string           `json:"type"`
	Challenge   strictjson.Bytes `json:"challenge"`
	Origin      string           `json:"origin"`
	CrossOrigin bool             `json:"crossOrigin"`
	TopOrigin   *string          `json:"topOrigin"`
}

// BenchmarkClientData decodes client data, and for comparison has encoding/json do so
// without the checks.
func BenchmarkClientData(b *testing.B) {
	data := []byte(clientData)
	b.Run("strictjson", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var c collected
			if err := strictjson.Decode(data, &c, strictjson.DisallowNull()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			var c collected
			if err := json.Unmarshal(data, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
