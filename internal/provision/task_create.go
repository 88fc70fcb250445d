package provision

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
)

// createOnDesk has the desk make a credential on the person's security key, and waits
// until it is made or will not be. Both names that designers know it by are this task:
// "Desktop App: Fido - Create Credential" and "Hermod: Fido - Create Credential".
func (s *Service) createOnDesk() *task {
	return &task{
		ours: s.ourServer,
		shape: shape{
			required: []string{"messagingServer"},
			optional: []string{"attestationKeySet", "origin", "userid"},
			fields:   map[string]string{"sessionField": "", "creationOptionsField": "", "credentialField": "fidoCredential"},
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			object, nonce, err := createObject(g)
			if err != nil {
				return process.Result{}, err
			}
			set, err := g.optionalText("attestationKeySet")
			if err != nil {
				return process.Result{}, err
			}
			return s.ask(ctx, g, question{
				kind: plugout.FIDOCreateCredential, externalID: g.Key + "/create", object: object, nonce: nonce, keySet: set,
			})
		},
		wake: func(ctx context.Context, g given, wait process.Wait) (process.Result, error) {
			response, again, err := s.hear(ctx, g, wait)
			if err != nil || again != nil {
				return process.Result{Wait: again}, err
			}
			var made plugout.CreateCredentialResponse
			if json.Unmarshal(response, &made) != nil || !isJSONObject(made.Credential) {
				return process.Result{}, &process.TaskError{Type: HermodDevice, Status: "INVALID_RESPONSE", Message: "INVALID_RESPONSE: the answer holds no credential"}
			}
			return process.Result{
				Outputs: map[string]json.RawMessage{g.field("credentialField"): made.Credential},
				Note:    "the security key has made a credential",
			}, nil
		},
	}
}

// createObject returns the command object and the nonce that the answer has to carry.
//
// The nonce is made of the work's key and the challenge: nobody can foresee it, and the
// same work sends the same command.
func createObject(g given) (object json.RawMessage, nonce string, err error) {
	raw, err := g.variable("creationOptionsField")
	if err != nil {
		return nil, "", err
	}
	bad := badParameter("creationOptionsField", "names a variable that is no creation options")
	var v optionsVariable
	if json.Unmarshal(raw, &v) != nil {
		return nil, "", bad
	}
	if v.PublicKey == nil {
		v.PublicKey = raw // bare, as some servers have it
	}
	var options struct {
		Challenge string `json:"challenge"`
	}
	if json.Unmarshal(v.PublicKey, &options) != nil || options.Challenge == "" {
		return nil, "", bad
	}
	origin, err := g.optionalText("origin")
	if err != nil {
		return nil, "", err
	}
	if origin == "" {
		origin = v.Origin
	}
	sum := sha256.Sum256([]byte("nonce\x00" + g.Key + "\x00" + options.Challenge))
	nonce = base64url.EncodeToString(sum[:16])
	object, err = json.Marshal(struct {
		plugout.CreateCredentialCommand
		Nonce        string `json:"nonce"`
		Format       string `json:"responseformat"`
		SignatureKey string `json:"responsesignaturekey"`
	}{
		plugout.CreateCredentialCommand{
			CreationOptions: json.RawMessage(`{"publicKey":` + string(v.PublicKey) + `}`), Origin: origin,
		},
		nonce, plugout.FormatJWS, plugout.KeyAttestation,
	})
	return object, nonce, err
}

// getInfo asks the desk which security keys are there. None is an empty list.
func (s *Service) getInfo() *task {
	return &task{
		shape: shape{
			required: []string{"messagingServer"},
			optional: []string{"attestationKeySet"},
			fields:   map[string]string{"sessionField": "", "authenticatorsField": "fidoAuthenticators"},
		},
		do: func(ctx context.Context, g given) (process.Result, error) {
			set, err := g.optionalText("attestationKeySet")
			if err != nil {
				return process.Result{}, err
			}
			sum := sha256.Sum256([]byte("nonce\x00" + g.Key))
			nonce := base64url.EncodeToString(sum[:16])
			object := json.RawMessage(`{"nonce":"` + nonce + `"}`)
			return s.ask(ctx, g, question{kind: plugout.FIDOGetInfo, externalID: g.Key + "/info", object: object, nonce: nonce, keySet: set})
		},
		wake: func(ctx context.Context, g given, wait process.Wait) (process.Result, error) {
			response, again, err := s.hear(ctx, g, wait)
			if err != nil || again != nil {
				return process.Result{Wait: again}, err
			}
			var info struct {
				Authenticators json.RawMessage `json:"authenticators"`
			}
			var list []json.RawMessage
			if json.Unmarshal(response, &info) != nil || json.Unmarshal(info.Authenticators, &list) != nil || list == nil {
				return process.Result{}, &process.TaskError{Type: HermodDevice, Status: "INVALID_RESPONSE", Message: "INVALID_RESPONSE: the answer lists no security keys"}
			}
			return process.Result{Outputs: map[string]json.RawMessage{g.field("authenticatorsField"): info.Authenticators}}, nil
		},
	}
}
