package outbound

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/provision"
)

// mailServer is a mail server that says what it is told to.
type mailServer struct {
	addr     string
	ca       string
	starttls bool
	reply    map[string]string // by verb, in place of success

	mu    sync.Mutex
	heard []string // lines of the client, without the message
	text  string
}

func newMailServer(t *testing.T, implicit, starttls bool) *mailServer {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(certified.Close)
	m := &mailServer{starttls: starttls, reply: map[string]string{}, ca: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(m.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	keys := &tls.Config{Certificates: certified.TLS.Certificates}
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if implicit {
				conn = tls.Server(conn, keys)
			}
			all.Go(func() { m.serve(conn, keys) })
		}
	})
	return m
}

func (m *mailServer) serve(conn net.Conn, keys *tls.Config) {
	defer func() { conn.Close() }()
	in := bufio.NewReader(conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 mail.example.com")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		m.mu.Lock()
		m.heard = append(m.heard, line)
		m.mu.Unlock()
		verb, _, _ := strings.Cut(line, " ")
		if reply := m.reply[verb]; reply != "" {
			say(reply)
			continue
		}
		switch verb {
		case "EHLO":
			if m.starttls {
				say("250-mail.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN")
			} else {
				say("250-mail.example.com\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, keys)
			in = bufio.NewReader(conn)
		case "AUTH":
			say("235 you are")
		case "DATA":
			say("354 go on")
			text, err := io.ReadAll(untilDot(in))
			if err != nil {
				return
			}
			m.mu.Lock()
			m.text = string(text)
			m.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

// untilDot reads a message to the line that has only a dot.
func untilDot(in *bufio.Reader) io.Reader {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return strings.NewReader(text.String())
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
}

func (m *mailServer) mailer(t *testing.T, implicit bool) *Mailer {
	t.Helper()
	mailer, err := NewMailer(MailConfig{
		Server: m.addr, From: "Identity Änderung <identity@example.com>", User: "bestow", Password: "pass:word", ImplicitTLS: implicit,
		Config: Config{CAFile: m.ca, Timeout: 5 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	return mailer
}

func message() provision.Mail {
	return provision.Mail{
		To:      []netmail.Address{{Name: "Alice", Address: "alice@example.com"}, {Address: "bob@example.com"}},
		Subject: "Ihr Schlüssel", Body: "Grüße\n.\nfrom all of us\n", Key: "job-1", Date: time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC),
	}
}

func TestMail(t *testing.T) {
	for name, implicit := range map[string]bool{"STARTTLS": false, "implicit TLS": true} {
		t.Run(name, func(t *testing.T) {
			m := newMailServer(t, implicit, true)
			mailer := m.mailer(t, implicit)
			var ids []string
			for range 2 {
				if err := mailer.Send(t.Context(), message()); err != nil {
					t.Fatal(err)
				}
				read, err := netmail.ReadMessage(strings.NewReader(m.text))
				if err != nil {
					t.Fatalf("%v in\n%s", err, m.text)
				}
				ids = append(ids, read.Header.Get("Message-ID"))
				subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
				body, errBody := io.ReadAll(quotedprintable.NewReader(read.Body))
				to, errTo := read.Header.AddressList("To")
				if err := errors.Join(err, errBody, errTo); err != nil {
					t.Fatal(err)
				}
				if subject != "Ihr Schlüssel" || string(body) != "Grüße\r\n.\r\nfrom all of us\r\n" && string(body) != message().Body || len(to) != 2 {
					t.Errorf("read %q %q %v", subject, body, to)
				}
			}
			if ids[0] != ids[1] || !strings.HasSuffix(ids[0], "@example.com>") {
				t.Errorf("message ids %q", ids)
			}
			heard := strings.Join(m.heard, "\n")
			for _, want := range []string{"MAIL FROM:<identity@example.com>", "RCPT TO:<alice@example.com>", "RCPT TO:<bob@example.com>", "AUTH PLAIN"} {
				if !strings.Contains(heard, want) {
					t.Errorf("%q was not said:\n%s", want, heard)
				}
			}
		})
	}
}

func TestMailRefused(t *testing.T) {
	m := newMailServer(t, false, true)
	mailer := m.mailer(t, false)
	m.reply["RCPT"] = "550 no such mailbox"
	err := mailer.Send(t.Context(), message())
	if r, ok := errors.AsType[*provision.Refusal](err); !ok || r.Status != 550 || r.Message != "no such mailbox" {
		t.Errorf("got %v", err)
	}
	m.reply["AUTH"] = "535 who are you"
	err = mailer.Send(t.Context(), message())
	if _, refused := errors.AsType[*provision.Refusal](err); refused || strings.Contains(err.Error(), "pass:word") {
		t.Errorf("a wrong password is the message's fault: %v", err)
	}
	m.reply["AUTH"] = ""
	m.reply["RCPT"] = "450 come back later"
	err = mailer.Send(t.Context(), message())
	if _, refused := errors.AsType[*provision.Refusal](err); refused || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

// Nothing is said to a server that does not keep it secret, or is another.
func TestMailIsSecret(t *testing.T) {
	plain := newMailServer(t, false, false)
	plain.reply["STARTTLS"] = "502 not here"
	if err := plain.mailer(t, false).Send(t.Context(), message()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without STARTTLS: %v", err)
	}
	stranger := newMailServer(t, false, true)
	mailer := stranger.mailer(t, false)
	mailer.tls.RootCAs = nil
	if err := mailer.Send(t.Context(), message()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("to a stranger: %v", err)
	}
	for name, m := range map[string]*mailServer{"plain": plain, "stranger": stranger} {
		m.mu.Lock()
		if heard := strings.Join(m.heard, "\n"); strings.Contains(heard, "AUTH") || strings.Contains(heard, "MAIL") {
			t.Errorf("%s heard\n%s", name, heard)
		}
		m.mu.Unlock()
	}
}

func TestMailEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mailer, err := NewMailer(MailConfig{Server: l.Addr().String(), From: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := l.Accept()
		cancel()
		if err == nil {
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	if err := mailer.Send(ctx, message()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestNewMailer(t *testing.T) {
	for _, c := range []MailConfig{{Server: "mail", From: "a@example.com"}, {Server: "mail:25", From: "nobody"}, {Server: ":25", From: "a@example.com"}} {
		if m, err := NewMailer(c); err == nil || m != nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
