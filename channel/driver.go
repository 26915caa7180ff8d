package channel

import (
	"io"
	"net/http"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Driver is one kind of channel. The registry names every driver by the name
// that channel accounts and the addresses of notices carry. A driver holds no
// account: everything that belongs to one account is in its Connector.
type Driver interface {
	// Open makes the connector of an account. It does no I/O: it reads the
	// settings with the parser that will use them, so that a setting which can't
	// work is refused when it is stored. The error is a *refund.Error of
	// KindInvalid whose Param is the setting's name. Open is called once for each
	// account and version, and its connector is kept and used by many goroutines.
	Open(account Account) (Connector, error)
	// Settings describes the settings and secrets of an account. Command line,
	// API and console make their forms from it.
	Settings() []merchant.Setting
	// Rules are what the channel refuses anyhow, by the name of a charge's
	// channel; they bind the charges of this driver's accounts before the channel
	// is asked. Zero is none.
	Rules(channel string) refund.Rules
}

// Account is a channel account with its secrets opened, as a driver reads it.
// It is never logged: String hides everything but the names.
type Account struct {
	ID         string
	MerchantID string
	// Channel is the driver's name.
	Channel string
	Mode    merchant.Mode
	// Version counts the changes of settings and secrets from 1.
	Version  int64
	Settings map[string]string
	Secrets  map[string]string
	// Previous are the credentials of older versions whose life has not ended,
	// newest first. What comes from the channel is verified and opened by them
	// too; nothing is sent with them.
	Previous []Credentials
	// NotifyURL is the address that the channel sends this account's notices to,
	// "" where the service has no public address.
	NotifyURL string
}

// Credentials are one version's settings and secrets.
type Credentials struct {
	Version  int64
	Settings map[string]string
	Secrets  map[string]string
}

// String names the account and hides its settings.
func (a Account) String() string { return a.Channel + " account " + a.ID }

// Receiver is a driver whose channel sends notices. They come to
// /notify/{channel}/{account}, where the account is active or paused.
type Receiver interface {
	// Receive verifies and decodes one request of the channel. It does no I/O
	// but reading the request, whose body is bounded before. An error says that
	// the request is not the channel's or can't be read; then Reply is what is
	// answered to it, called with that error. Otherwise the notices are committed
	// first and Reply is called with the result, so that the channel sends again
	// what could not be kept.
	Receive(account Account, r *http.Request) ([]Notified, Reply, error)
	// Refuse is the answer, in the channel's own form, to a request for an
	// account that is unknown, closed or another driver's.
	Refuse(status int) Answer
}

// BillReader is a driver that reads a bill from a file, as a person downloads it
// from the channel's own pages.
type BillReader interface {
	// ReadBill begins to read the file of a day's bill of an account. It takes no
	// row that is another account's: such a file is an error, of ReadBill or of
	// Next. What a row's number of bytes, a file in an archive or its unpacked size
	// may be is bounded. Close does not close the file.
	ReadBill(account Account, day BillDay, file io.Reader) (Bill, error)
}

// Reply makes the answer to a channel's request after its notices' commit.
type Reply func(commit error) Answer

// Answer is an HTTP answer to a channel.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}
