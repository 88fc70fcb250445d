package agent

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/internal/plugout"
	"bestow.dev/webauthn"
)

// insertPause is how often the agent looks for a key that somebody may have inserted.
const insertPause = time.Second

// Key is a security key that is at the desk.
type Key struct {
	// Handle names the key within a session, such as "0".
	Handle string

	// Name is what people call it.
	Name string

	client *ctap.Client
}

// Info returns what the key says about itself.
func (k *Key) Info() *ctap.Info { return k.client.Info() }

// transports are those the key says it has, or the one that it is on.
func (k *Key) transports() []string {
	all := k.client.Info().Transports
	if len(all) == 0 {
		all = []ctap.Transport{k.client.Device().Describe().Transport}
	}
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = string(t)
	}
	return out
}

// matches reports whether the key passes the requester's filter. A key that is part
// of the computer is no security key and never does.
func (k *Key) matches(f *plugout.AuthenticatorFilter) bool {
	if k.client.Info().Options["plat"] {
		return false
	}
	if f == nil {
		return true
	}
	aaguid := webauthn.AAGUID(k.client.Info().AAGUID).String()
	fits := func(text string) bool { return strings.EqualFold(text, aaguid) }
	return (len(f.AAGUIDs) == 0 || slices.ContainsFunc(f.AAGUIDs, fits)) && (f.Handle == "" || f.Handle == k.Handle)
}

// keyRing opens the keys of one session and gives each its handle.
type keyRing struct {
	source  Keys
	handles map[string]string // by the path of the device
}

func newKeyRing(source Keys) *keyRing { return &keyRing{source: source, handles: map[string]string{}} }

// openKeys are keys that have to be closed.
type openKeys []*Key

func (ks openKeys) close() { ks.closeBut(nil) }

func (ks openKeys) closeBut(keep *Key) {
	for _, k := range ks {
		if k != keep {
			_ = k.client.Device().Close() // nothing was left unsaid to it
		}
	}
}

// open returns the keys that are there. One that does not answer, or speaks U2F
// only, is left out.
func (r *keyRing) open(ctx context.Context) (openKeys, error) {
	devices, err := r.source.List(ctx)
	if err != nil {
		return nil, err
	}
	var keys openKeys
	for _, device := range devices {
		client, err := ctap.NewClient(ctx, device)
		if err != nil {
			_ = device.Close()
			continue
		}
		described := device.Describe()
		keys = append(keys, &Key{Handle: r.handle(described.Path), Name: name(described), client: client})
	}
	return keys, nil
}

func (r *keyRing) handle(path string) string {
	handle, ok := r.handles[path]
	if !ok {
		handle = strconv.Itoa(len(r.handles))
		r.handles[path] = handle
	}
	return handle
}

func name(d ctap.Descriptor) string {
	if text := legible(d.Product); text != "" {
		return text
	}
	return "security key"
}

// choose returns the one key to work with, which the caller closes. While there is
// none it waits for one to be inserted, until ctx ends; then the error is errNoKey.
func (s *session) choose(ctx context.Context, filter *plugout.AuthenticatorFilter) (*Key, error) {
	told := false
	for {
		all, err := s.keys.open(ctx)
		if err != nil {
			return nil, err
		}
		fit := slices.DeleteFunc(slices.Clone(all), func(k *Key) bool { return !k.matches(filter) })
		if len(fit) > 0 {
			key, err := s.chooseAmong(ctx, fit)
			all.closeBut(key)
			return key, err
		}
		all.close()
		if !told {
			told = true
			s.tell(Event{Phase: PhaseInsertKey})
			if err := s.config.Prompt.InsertKey(ctx); err != nil {
				return nil, err
			}
		}
		if err := s.pause(ctx, insertPause); err != nil {
			if errors.Is(context.Cause(ctx), errTimeOver) {
				return nil, errNoKey
			}
			return nil, err
		}
	}
}

// chooseAmong asks the person where there is a choice. It returns no key beside an
// error.
func (s *session) chooseAmong(ctx context.Context, keys openKeys) (*Key, error) {
	if len(keys) == 1 {
		return keys[0], nil
	}
	shown := make([]Key, len(keys))
	for i, k := range keys {
		shown[i] = *k
	}
	chosen, err := s.config.Prompt.ChooseKey(ctx, shown)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(keys, func(k *Key) bool { return k.Handle == chosen.Handle })
	if i < 0 {
		return nil, context.Canceled
	}
	return keys[i], nil
}
