package policy

import (
	"strconv"
	"strings"

	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// The words a document may use where the standards have a list. A word that is on none
// is refused: a misspelt word in a list of what is denied would deny nothing. The
// words of metadata are those of the FIDO Registry of Predefined Values.
var (
	attestationTypes = []string{
		string(webauthn.AttestationNone), string(webauthn.AttestationSelf), string(webauthn.AttestationBasic),
		string(webauthn.AttestationAttCA), string(webauthn.AttestationAnonCA),
	}
	attestationFormats = []string{"android-key", "android-safetynet", "apple", "compound", "fido-u2f", "none", "packed", "tpm"}
	transportWords     = []string{"ble", "hybrid", "internal", "nfc", "smart-card", "usb"}

	attachmentHints       = []string{"internal", "external", "wired", "wireless", "nfc", "bluetooth", "network", "ready", "wifi_direct", "smart-card"}
	keyProtections        = []string{"software", "hardware", "tee", "secure_element", "remote_handle", "sync_fabric"}
	matcherProtections    = []string{"software", "tee", "on_chip"}
	multiDeviceWords      = []string{"unsupported", "explicit", "implicit"}
	protocolFamilies      = []string{"uaf", "u2f", "fido2"}
	displays              = []string{"any", "privileged_software", "tee", "hardware", "remote"}
	statementAttestations = []string{"basic_full", "basic_surrogate", "ecdaa", "attca", "anonca", "none"}
	userVerificationWays  = []string{
		"presence_internal", "fingerprint_internal", "passcode_internal", "voiceprint_internal", "faceprint_internal",
		"location_internal", "eyeprint_internal", "pattern_internal", "handprint_internal", "passcode_external",
		"pattern_external", "none", "all",
	}
	statementAlgorithms = []string{
		"secp256r1_ecdsa_sha256_raw", "secp256r1_ecdsa_sha256_der", "rsassa_pss_sha256_raw", "rsassa_pss_sha256_der",
		"secp256k1_ecdsa_sha256_raw", "secp256k1_ecdsa_sha256_der", "sm2_sm3_raw", "rsa_emsa_pkcs1_sha256_raw",
		"rsa_emsa_pkcs1_sha256_der", "rsassa_pss_sha384_raw", "rsassa_pss_sha512_raw", "rsassa_pkcsv15_sha256_raw",
		"rsassa_pkcsv15_sha384_raw", "rsassa_pkcsv15_sha512_raw", "rsassa_pkcsv15_sha1_raw",
		"secp384r1_ecdsa_sha384_raw", "secp521r1_ecdsa_sha512_raw", "ed25519_eddsa_sha512_raw",
		"ed448_eddsa_sha512_raw",
	}
	certificationLevels = []string{"L1", "L1plus", "L2", "L2plus", "L3", "L3plus"}
	compromises         = []string{ // sorted, as a document's list is
		string(metadata.StatusAttestationKey), string(metadata.StatusRevoked),
		string(metadata.StatusPhysicalCompromise), string(metadata.StatusRemoteCompromise),
		string(metadata.StatusUVBypass),
	}
	statusesThatMayBeDenied = append([]string{
		string(metadata.StatusNotCertified), string(metadata.StatusSelfAssertion),
		string(metadata.StatusUpdateAvailable), string(metadata.StatusRetired),
	}, compromises...)
)

// either lists what will do, in words. Long lists are counted.
func either(items []string, plural string) string { return list(items, " or ", "one of", plural) }

// every lists what is all meant, in words.
func every(items []string, plural string) string { return list(items, " and ", "all", plural) }

// maxListed is how many items are said by name. It is for people in front of a
// terminal; the document has them all.
const maxListed = 4

func list(items []string, last, many, plural string) string {
	switch n := len(items); {
	case n == 0:
		return "nothing"
	case n == 1:
		return items[0]
	case n <= maxListed:
		return strings.Join(items[:n-1], ", ") + last + items[n-1]
	default:
		return many + " " + strconv.Itoa(n) + " " + plural
	}
}

// maxShown is how much of a text from outside is shown.
const maxShown = 48

// shown returns a word from outside as it may stand in a terminal or a log: as it is,
// or quoted where anything in it is not plain.
func shown(word string) string {
	word = word[:min(len(word), maxShown)]
	for _, c := range []byte(word) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.QuoteToASCII(word)
		}
	}
	if word == "" {
		return `""`
	}
	return word
}

// shownList returns words from outside.
func shownList(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	few := make([]string, min(len(words), 2*maxListed))
	for i := range few {
		few[i] = shown(words[i])
	}
	text := strings.Join(few, ", ")
	if more := len(words) - len(few); more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}
