package floors

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "bestow.dev/"

// rooms says for each room which rooms of ours it may import. A room's name is its
// path below the module; one that ends in "/..." stands for everything below it.
// "anything" is the roof.
var rooms = map[string][]string{
	// Ground floor: protocols.
	"cose":                {"internal/strictcbor"},
	"internal/strictjson": {},
	"internal/strictcbor": {},
	"internal/fault":      {},
	"internal/seal":       {}, // small secrets at rest
	"trust":               {}, // data of other bodies, embedded
	"processes":           {}, // definitions to begin with, embedded
	"internal/revocation": {}, // revocation lists, given as input
	"webauthn":            {"cose", "internal/strictjson", "internal/strictcbor", "internal/revocation"},
	"metadata":            {"cose", "webauthn", "internal/strictjson", "internal/revocation"}, // of webauthn the types: never the reverse
	"ctap":                {"cose", "internal/strictjson", "internal/strictcbor"},
	"ctap/softkey":        {"ctap"}, // own encoders on purpose: verifier and forger must not share a bug
	"internal/plugout":    {"cose", "internal/strictjson", "internal/strictcbor"},
	"internal/sectoken":   {"internal/plugout", "internal/strictjson"}, // tokens of identity systems; of plugout the sets of keys
	"internal/verify":     {"cose", "webauthn", "internal/strictjson"}, // recorded cases, judged by the server's own functions
	"internal/bpmn":       {},                                          // processes as pure functions

	// First floor: the domain.
	"internal/policy": {"cose", "webauthn", "metadata", "internal/strictjson", "internal/fault"}, // pure: documents and evidence in, decisions out
	"internal/audit":  {"internal/fault"},
	"internal/tenant": {"cose", "webauthn", "internal/policy", "internal/fault", "internal/audit"}, // policies are settings of a tenant
	"internal/credential": {
		"cose", "webauthn", "metadata", "trust", "internal/strictjson", "internal/policy", "internal/tenant", "internal/fault", "internal/audit",
	},
	"internal/relay": {
		"internal/plugout", "webauthn", "internal/strictjson", "internal/tenant", "internal/fault", "internal/audit",
	},
	"internal/mds": {
		"metadata", "webauthn", "internal/strictjson", "internal/tenant", "internal/fault", "internal/audit",
	},
	"internal/mds/mdstest": {}, // a metadata service for tests
	"internal/process":     {"internal/bpmn", "internal/tenant", "internal/fault", "internal/audit"},
	// Service tasks that need nothing but the process itself.
	"internal/process/builtin": {"internal/process", "internal/bpmn"},

	// The meeting room: the tasks that use credentials and the relay inside a process.
	"internal/provision": {
		"internal/credential", "internal/relay", "internal/process", "internal/bpmn", "internal/plugout", "webauthn",
		"internal/strictjson", "internal/tenant", "internal/fault", "internal/audit",
	},

	"internal/webhook": {"internal/process", "internal/tenant", "internal/fault", "internal/audit"}, // hears of processes

	// Side wing.
	"internal/store": {
		"cose", "webauthn", "internal/plugout", "internal/policy", "internal/audit", "internal/tenant", "internal/credential",
		"internal/relay", "internal/mds", "internal/process", "internal/provision", "internal/webhook", "internal/fault",
	},
	"internal/store/...": {"anything"}, // the contract of the store and its tests
	"internal/outbound": {
		"internal/relay", "internal/mds", "internal/credential", "internal/provision", "internal/webhook", "internal/strictjson", "internal/tenant", "internal/fault",
	},

	// Second floor: doors.
	"internal/web":  {"internal/fault", "internal/tenant", "internal/strictjson"},
	"internal/page": {}, // what the pages of all doors share
	// Signing in with a passkey, for the doors whose pages have sessions of their own.
	"internal/page/signin": {"webauthn", "internal/fault", "internal/tenant", "internal/credential", "internal/web", "internal/page"},
	"internal/front/...": {
		"cose", "webauthn", "internal/plugout", "internal/strictjson", "internal/policy", "internal/fault", "internal/audit",
		"internal/tenant", "internal/credential", "internal/relay", "internal/bpmn", "internal/process", "internal/provision",
		"internal/webhook", "internal/web", "internal/page", "internal/sectoken",
	},
	"internal/front/fronttest": {"ctap", "ctap/softkey"}, // what the tests of the doors do alike
	// The page on which the nevisFIDO front can be tried, which calls it as others do.
	"internal/front/nevis/demo": {"internal/page", "internal/web"},
	// The pages for the people whom the tasks of processes are for.
	"internal/front/task": {
		"internal/plugout", "internal/bpmn", "internal/fault", "internal/audit", "internal/tenant", "internal/credential",
		"internal/process", "internal/provision", "internal/web", "internal/page", "internal/page/signin",
	},
	"internal/console": {
		"internal/policy", "internal/fault", "internal/audit", "internal/tenant", "internal/credential", "internal/web", "internal/page",
		"internal/page/signin",
	},
	// What the console shows of processes, and of what they reach.
	"internal/console/processes": {
		"internal/console", "internal/page", "internal/web", "internal/process", "internal/bpmn", "internal/credential", "internal/tenant", "internal/fault",
		"processes",
	},
	"internal/console/consoletest": {"anything"}, // a console over the real services, for tests
	"internal/console/settings":    {"internal/console", "internal/page", "internal/web", "internal/provision", "internal/tenant", "internal/fault"},
	"internal/agent":               {"cose", "ctap", "webauthn", "internal/plugout", "internal/strictjson"},
	"internal/agent/scheme":        {"internal/plugout"},
	"internal/agent/relaytest":     {"internal/plugout"}, // a relay for the agent's tests
	"internal/agent/cli": {
		"internal/agent", "internal/agent/scheme", "ctap", "ctap/softkey", "webauthn", "internal/plugout", "internal/strictjson",
	},

	// Roof.
	"internal/config":  {"anything"},
	"internal/localca": {},
	"internal/wiring":  {"anything"},
	"internal/demo":    {"anything"},
	"internal/floors":  {},
	"cmd/...":          {"anything"},
	"test/...":         {"anything"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// room returns the key in rooms that name belongs to: its own, or the nearest
// enclosing one that ends in "/...".
func room(name string) (string, bool) {
	if _, ok := rooms[name]; ok {
		return name, true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, ok := rooms[dir+"/..."]; ok {
			return dir + "/...", true
		}
	}
	return "", false
}

func allowed(from, to string) bool {
	may := rooms[from]
	return slices.Contains(may, "anything") || slices.Contains(may, to)
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		from, ok := room(name)
		if !ok {
			t.Errorf("%s has no room in the house; give it one in the table, with a reason in ARCHITECTURE.md", name)
			continue
		}
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if ours && !allowed(from, to) {
				t.Errorf("%s imports %s: up or sideways", name, to)
			}
		}
	}
}

func TestAgentLinksNoDatabase(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/bestow-agent") {
		for _, forbidden := range []string{module + "internal/store", "database/sql", "modernc.org/sqlite", "github.com/jackc/pgx"} {
			if p.ImportPath == forbidden || strings.HasPrefix(p.ImportPath, forbidden+"/") {
				t.Errorf("cmd/bestow-agent links %s", p.ImportPath)
			}
		}
	}
}

func TestProtocolsArePure(t *testing.T) {
	forbidden := []string{"net/http", "database/sql", "log", "log/slog", "os"}
	for name := range rooms {
		switch name {
		case "cose", "webauthn", "metadata", "ctap", "ctap/softkey", "internal/plugout", "internal/verify", "internal/policy", "internal/bpmn", "internal/seal", "internal/strictjson", "internal/strictcbor", "internal/sectoken":
		default:
			continue
		}
		for _, p := range list(t, "./"+name) {
			for _, imported := range p.Imports {
				if slices.Contains(forbidden, imported) {
					t.Errorf("%s imports %s; a protocol does no input or output", name, imported)
				}
			}
		}
	}
}
