package agent

import (
	"context"
	"runtime"
	"slices"

	"bestow.dev/ctap"
	"bestow.dev/internal/plugout"
	"bestow.dev/webauthn"
)

// capabilities are what SESSION_START may require.
var capabilities = []string{plugout.CapabilityFIDO2}

// do carries a command out.
func (s *session) do(ctx context.Context, m *plugout.CommandMessage) reply {
	switch m.Type {
	case plugout.SessionStart:
		return s.sessionStart(m)
	case plugout.SessionEnd:
		return done(struct{}{}, "")
	case plugout.Ping:
		return s.ping(m)
	case plugout.FIDOGetInfo:
		return s.getInfo(ctx)
	case plugout.FIDOCreateCredential:
		return s.create(ctx, m)
	}
	return refused(plugout.StatusUnsupported, "This agent does not know the command %s.", legible(string(m.Type)))
}

func (s *session) sessionStart(m *plugout.CommandMessage) reply {
	if err := plugout.DecodeCommand(m.Command, &s.start); err != nil {
		return refused(plugout.StatusUnsupported, "The command cannot be read.")
	}
	s.requester = legible(m.Requester)
	for _, need := range s.start.Require {
		if !slices.Contains(capabilities, need) {
			return refused(plugout.StatusUnsupported, "This agent cannot do %s.", legible(need))
		}
	}
	return done(plugout.SessionStartResponse{
		App:          AppName,
		Version:      s.config.Version,
		OS:           runtime.GOOS,
		Capabilities: capabilities,
	}, "")
}

func (s *session) ping(m *plugout.CommandMessage) reply {
	var command plugout.PingCommand
	if err := plugout.DecodeCommand(m.Command, &command); err != nil {
		return refused(plugout.StatusUnsupported, "The command cannot be read.")
	}
	var response plugout.PingResponse
	if command.DeviceInfo {
		response.DeviceInfo = &plugout.DeviceInfo{
			OperatingSystem: runtime.GOOS,
			OSVersion:       osVersion(),
			AppVersion:      s.config.Version,
		}
	}
	return done(response, "")
}

// getInfo describes the keys that are at the desk. It asks nobody: what it tells is
// the model of a key, and no account.
func (s *session) getInfo(ctx context.Context) reply {
	keys, err := s.keys.open(ctx)
	if err != nil {
		return failure(ctx, err)
	}
	defer keys.close()
	response := plugout.GetInfoResponse{Authenticators: []plugout.AuthenticatorInfo{}}
	for _, key := range keys {
		response.Authenticators = append(response.Authenticators, key.describe(ctx))
	}
	return done(response, "")
}

// describe returns what is told of a key.
func (k *Key) describe(ctx context.Context) plugout.AuthenticatorInfo {
	info := k.client.Info()
	out := plugout.AuthenticatorInfo{
		Handle:       k.Handle,
		Product:      k.Name,
		Transports:   k.transports(),
		Versions:     info.Versions,
		AAGUID:       webauthn.AAGUID(info.AAGUID).String(),
		Options:      info.Options,
		Algorithms:   info.Algorithms,
		MinPINLength: info.MinPINLength,
	}
	if n := info.RemainingDiscoverable; n >= 0 {
		out.RemainingDiscoverableCredentials = &n
	}
	if info.PIN() != ctap.Unsupported {
		// A key that will not say is still worth describing.
		if retries, err := k.client.PINRetries(ctx); err == nil {
			out.PINRetries = &retries.Left
		}
	}
	return out
}
