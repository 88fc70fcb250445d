package hermod

import (
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// The schemas of the description. Those of answers are closed: a member that is not
// described is not sent.

var (
	aString  = object{"type": "string"}
	aUUID    = object{"type": "string", "format": "uuid"}
	aTime    = object{"type": "string", "format": "date-time"}
	anObject = object{"type": "object"} // between client and device
)

// closed is an object with these members and no others; the first ones are always
// there.
func closed(properties object, required ...string) object {
	o := object{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func listOf(items object) object { return object{"type": "array", "items": items} }

func oneOf[T ~string](values ...T) object { return object{"type": "string", "enum": values} }

func schemas() object {
	s := object{
		"CommandHeader": closed(object{
			"lifespan": inSeconds("how long the command can be polled; absent: 300"),
			"timeout":  inSeconds("how long it can be answered; absent: the lifespan"),
			"to": object{
				"type": "array", "items": aString,
				"description": `"@tmp", the id of a box, or "@user/" and a user id; absent: "@tmp"`,
			},
			"externalId": object{"type": "string", "maxLength": relay.MaxExternalIDBytes},
		}),
		"Receipt":     closed(receiptMembers(), "commandId", "commandType", "state", "fqdn", "destinations"),
		"Report":      closed(reportMembers(), "commandId", "commandType", "state", "fqdn", "destinations"),
		"Callback":    closed(callbackMembers(), "commandId", "commandType", "state", "status"),
		"Destination": closed(object{"to": aString, "bid": aUUID, "uri": aString, "mid": aUUID, "location": aString}, "to", "bid"),
		"Error": closed(object{
			"error": oneOf(errorNames()...), "message": aString, "field": aString, "requestId": aString,
		}, "error", "requestId"),
		"Health": closed(object{"status": oneOf("UP", "DOWN")}, "status"),
	}
	for name, schema := range deviceSchemas() {
		s[name] = schema
	}
	return s
}

func inSeconds(description string) object {
	return object{"description": description + "; seconds, also as text", "oneOf": []object{
		{"type": "integer", "minimum": 1, "maximum": int64(relay.MaxLifespan.Seconds())},
		{"type": "string", "pattern": "^[0-9]+$"},
	}}
}

func receiptMembers() object {
	return object{
		"commandId":    object{"type": "string", "pattern": "^[0-9]+$"},
		"commandType":  oneOf(commandTypes()...),
		"state":        oneOf(relay.InProgress, relay.Completed, relay.Failed, relay.TimedOut, relay.Cancelled),
		"fqdn":         aString,
		"externalId":   aString,
		"destinations": listOf(reference("Destination")),
	}
}

func callbackMembers() object {
	members := object{
		"status":      oneOf(statuses...),
		"destination": closed(object{"to": aString, "bid": aUUID, "mid": aUUID}, "to", "bid"),
		"signature": closed(object{
			"state": oneOf(relay.SignatureValid, relay.SignatureInvalid, relay.SignatureNone, relay.SignatureUnchecked), "kid": aString,
		}, "state"),
		"matchCode": object{"type": "string", "pattern": "^[0-9]{4}$"},
		"client":    closed(object{"app": aString, "version": aString, "os": aString, "address": aString}, "app", "version", "os", "address"),
		"jws":       aString,
		"error":     closed(object{"code": oneOf(statuses...), "message": aString, "detail": aString}, "code", "message"),
	}
	for _, kind := range relay.Kinds() {
		members[kind.Response] = anObject
	}
	receipt := receiptMembers()
	for _, name := range []string{"commandId", "commandType", "state", "externalId"} {
		members[name] = receipt[name]
	}
	return members
}

// reportMembers are those of a receipt and those of a callback.
func reportMembers() object {
	members := callbackMembers()
	for name, schema := range receiptMembers() {
		members[name] = schema
	}
	return members
}

func deviceSchemas() object {
	item := closed(object{"mid": aUUID, "type": oneOf(commandTypes()...), "location": aString, "expires": aTime}, "mid", "type", "location", "expires")
	return object{
		"Redemption": object{"type": "object", "required": []string{"token"}, "properties": object{
			"token": aUUID, "client": object{"type": "object", "properties": object{"app": aString, "version": aString, "os": aString}},
		}},
		"Session":  closed(object{"session": aString, "expires": aTime, "messages": listOf(item), "matchCode": object{"const": true}}, "session", "expires", "messages"),
		"Messages": closed(object{"messages": listOf(item)}, "messages"),
		"Message": closed(object{
			"v": object{"const": plugout.Version}, "bid": aUUID, "mid": aUUID, "type": oneOf(commandTypes()...), "requester": aString,
			"issued": aTime, "expires": aTime, "nonce": aString, "responseformat": oneOf(plugout.FormatJWS, plugout.FormatJSON),
			"responsesignaturekey": oneOf(plugout.KeyAttestation), "command": anObject,
		}, "v", "bid", "mid", "type", "requester", "issued", "expires", "nonce", "responseformat", "responsesignaturekey", "command"),
		"Answer": object{
			"type": "object", "required": []string{"v", "mid", "nonce", "iat", "status"},
			"properties": object{
				"v": object{"const": plugout.Version}, "mid": aUUID, "nonce": aString, "iat": object{"type": "integer", "description": "seconds since 1970"},
				"status": oneOf(deviceStatuses()...), "response": anObject,
				"error": object{"type": "object", "required": []string{"message"}, "properties": object{"message": aString, "ctap": aString}},
			},
		},
	}
}

// commandObject describes the members that the relay itself reads; others are
// between client and device.
func commandObject(t plugout.CommandType) object {
	members := object{
		"nonce": aString, "responseformat": oneOf(plugout.FormatJWS, plugout.FormatJSON), "responsesignaturekey": oneOf(plugout.KeyAttestation),
	}
	flag := object{"enum": []any{true, false, "true", "false"}}
	switch t {
	case plugout.SessionStart:
		members["userid"], members["title"], members["require"] = aString, aString, listOf(aString)
	case plugout.FIDOCreateCredential:
		members["creationOptions"] = object{"type": "object", "description": "WebAuthn creation options in JSON, also inside a member publicKey"}
		members["origin"], members["displayText"] = aString, aString
		members["authenticator"] = object{"type": "object", "properties": object{"aaguids": listOf(aUUID), "handle": aString}}
		return object{"type": "object", "required": []string{"creationOptions"}, "properties": members}
	case plugout.Ping:
		members["deviceinfo"] = flag
	case plugout.Delete:
		members["userid"], members["profileid"], members["confirmation"] = aString, aUUID, flag
	case plugout.Provision:
		members["userid"] = aString
	}
	return object{"type": "object", "properties": members}
}

func commandTypes() []plugout.CommandType {
	var types []plugout.CommandType
	for _, k := range relay.Kinds() {
		types = append(types, k.Type)
	}
	return types
}

// statuses are all there are.
var statuses = []plugout.Status{
	plugout.StatusOK, plugout.StatusTimeout, plugout.StatusSessionNotStarted, plugout.StatusSessionEnded,
	plugout.StatusCancelledByRequester, plugout.StatusUserCancelled, plugout.StatusUnsupported,
	plugout.StatusNoAuthenticator, plugout.StatusCredentialExcluded, plugout.StatusPINNotSet, plugout.StatusPINInvalid,
	plugout.StatusPINBlocked, plugout.StatusUVFailed, plugout.StatusKeyStoreFull, plugout.StatusDeviceError,
	plugout.StatusInvalidResponse,
}

// deviceStatuses are those that a device may answer.
func deviceStatuses() []plugout.Status {
	var list []plugout.Status
	for _, s := range statuses {
		if s.FromDevice() {
			list = append(list, s)
		}
	}
	return list
}
