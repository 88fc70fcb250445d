package outbound

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"bestow.dev/internal/provision"
)

// MailConfig says how mail is sent.
type MailConfig struct {
	Server string // host:port. Required
	From   string // address of the sender, with a name if wanted. Required

	// User and Password are how we sign in. Empty user: we do not.
	User, Password string

	// ImplicitTLS has the connection begin with TLS, as on port 465. Otherwise it is made
	// secure with STARTTLS (RFC 3207), which the server has to offer: nothing is sent
	// without.
	ImplicitTLS bool

	Config
}

// Mailer sends mail through one server. It is safe for concurrent use.
type Mailer struct {
	config  MailConfig
	from    *mail.Address
	host    string
	tls     *tls.Config
	timeout time.Duration
}

var _ provision.Mailer = (*Mailer)(nil)

// NewMailer checks c and returns what sends mail. Zero as timeout means 30 seconds.
//
// It returns an error if server or sender are none, or as with [New].
func NewMailer(c MailConfig) (*Mailer, error) {
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil || host == "" {
		return nil, errors.New("the mail server is not host:port")
	}
	from, err := mail.ParseAddress(c.From)
	if err != nil {
		return nil, errors.New("the sender is not an address")
	}
	pool, err := roots(c.CAFile)
	if err != nil {
		return nil, err
	}
	m := &Mailer{config: c, from: from, host: host, tls: &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}, timeout: c.Timeout}
	if m.timeout == 0 {
		m.timeout = webTimeout
	}
	return m, nil
}

// Send implements [provision.Mailer].
func (m *Mailer) Send(ctx context.Context, message provision.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	err := m.deliver(ctx, message)
	if reply, ok := errors.AsType[*textproto.Error](err); ok && reply.Code >= 500 {
		// A permanent negative completion reply (RFC 5321 §4.2.1).
		return &provision.Refusal{Status: reply.Code, Code: fmt.Sprint(reply.Code), Message: short(reply.Msg, maxMessageBytes)}
	}
	if err != nil {
		return provision.ErrUnreachable.Because(err)
	}
	return nil
}

func (m *Mailer) deliver(ctx context.Context, message provision.Mail) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", m.config.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if m.config.ImplicitTLS {
		conn = tls.Client(conn, m.tls)
	}
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return err
	}
	defer c.Close()
	if !m.config.ImplicitTLS {
		if err := c.StartTLS(m.tls); err != nil {
			return fmt.Errorf("STARTTLS: %v", err) // not a word about the message
		}
	}
	if m.config.User != "" {
		if err := c.Auth(smtp.PlainAuth("", m.config.User, m.config.Password, m.host)); err != nil {
			return fmt.Errorf("sign in: %v", err)
		}
	}
	if err := c.Mail(m.from.Address); err != nil {
		return err
	}
	for _, to := range message.To {
		if err := c.Rcpt(to.Address); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.text(message)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	// It is taken. What goes wrong in saying goodbye does not have it sent twice.
	_ = c.Quit()
	return nil
}

// text is the message as it is sent (RFC 5322). The Message-ID is the same for the same
// work, so that a reader shows a message once that was sent twice.
func (m *Mailer) text(message provision.Mail) []byte {
	var to []string
	for _, a := range message.To {
		to = append(to, a.String())
	}
	_, domain, _ := strings.Cut(m.from.Address, "@")
	id := sha256.Sum256([]byte(message.Key))
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", m.from.String()},
		{"To", strings.Join(to, ",\r\n ")},
		{"Subject", mime.QEncoding.Encode("utf-8", message.Subject)},
		{"Date", message.Date.Format(time.RFC1123Z)},
		{"Message-ID", "<" + hex.EncodeToString(id[:16]) + "@" + domain + ">"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834 §5
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	_, _ = q.Write([]byte(message.Body)) // into memory, which cannot fail
	_ = q.Close()
	return b.Bytes()
}
