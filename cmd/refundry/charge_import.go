package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
)

// chargeImport registers paid charges from a file.
type chargeImport struct {
	databaseFlags
	dataFlags
	merchantFlags
	jsonFlag
	File     string `arg:"" help:"CSV or NDJSON file, or a bill of WeChat Pay or Alipay; - for standard input."`
	Format   string `help:"csv or ndjson; default by the file's content, then its name." enum:",csv,ndjson" default:""`
	Encoding string `help:"utf-8, gb18030 (and GBK), utf-16le or utf-16be; default by the file's content." enum:",utf-8,gb18030,utf-16le,utf-16be" default:""`
	TimeZone string `help:"Time zone of times that do not say theirs: a name such as Asia/Shanghai, or an offset such as +08:00." placeholder:"ZONE"`
	Channel  string `help:"Channel of charges that name none, such as wx." placeholder:"CHANNEL"`
	DryRun   bool   `help:"Check everything and register nothing."`
	Rejects  string `help:"Write the rejected lines to this file, which can be corrected and imported." placeholder:"FILE"`
}

// Help is shown by --help.
func (c *chargeImport) Help() string {
	return `NDJSON has one charge a line, in the form of POST /refundry/v1/charges.

CSV has a header line with the names of its columns, in any order:
  ` + strings.Join(chargefile.Columns, ", ") + `
An amount is a whole number of minor units (1000 for 10.00 CNY); an empty cell
is as if the column were missing. The columns with a dot are the charge's names
in a dialect. Required are order_no, amount, currency and channel; for a live
merchant also transaction_id and paid_at. Columns are separated by commas,
semicolons or tabs. Have a spreadsheet treat numbers as text: it rounds those
of more than 15 digits, and they are refused.

The bills of transactions that WeChat Pay and Alipay let merchants download are
imported as they are (unpacked). Refunds in the same file are counted as
already_refunded of their payments.

A charge is known by its channel account and transaction_id: the same again
changes nothing, other content under the same is rejected, and so is a second
line of a file for one charge. Rejected lines are listed with their numbers,
and the exit status is 1; the others are registered.`
}

// Validate is called by kong.
func (c *chargeImport) Validate() error {
	if c.TimeZone == "" {
		return nil
	}
	_, err := chargefile.ParseZone(c.TimeZone)
	return err
}

func (c *chargeImport) Run(e *environment) error {
	in, size, err := c.input(e)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	in, digest, err := digested(in)
	if err != nil {
		return err
	}
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := notDisabled(m); err != nil {
		return err
	}
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	importer, known, err := c.importer(e, s, m)
	if err != nil {
		return err
	}
	bar := e.progress(size)
	lines, err := c.lines(in, bar, known)
	if err != nil {
		return err
	}
	rejects, err := c.rejects(in, lines)
	if err != nil {
		return err
	}
	report := newImportReport(e, bar, rejects, c.JSON, c.DryRun)
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	charges, err := desk.Import(by, m.ID, filepath.Base(c.File))
	if err != nil {
		return err
	}
	run := importRun{lines: lines, importer: importer, register: charges.Register, report: report}
	if c.DryRun {
		run.register = func(ctx context.Context, charges []refund.Charge) ([]refund.Registered, error) {
			return s.TryCharges(ctx, charges)
		}
	}
	if kind := lines.Kind(); kind != "CSV" && kind != "NDJSON" || lines.Encoding() != "" && lines.Encoding() != "utf-8" {
		e.say("read as %s, %s", kind, strings.ToUpper(lines.Encoding()))
	}
	err = run.all(e)
	return report.finish(errors.Join(err, charges.End(e, report.rejected, digest())))
}

// digested returns what reads the file and says the digest of what was read: of a
// file of all of it, which is read once for that alone.
func digested(in io.ReadCloser) (io.ReadCloser, func() string, error) {
	sum := sha256.New()
	digest := func() string { return hex.EncodeToString(sum.Sum(nil)) }
	file, seeks := in.(io.ReadSeeker)
	if !seeks {
		return struct {
			io.Reader
			io.Closer
		}{io.TeeReader(in, sum), in}, digest, nil
	}
	_, err := io.Copy(sum, file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("import charges: %w", err)
	}
	return in, digest, nil
}

// input opens the file and says how long it is, -1 where that is not known.
func (c *chargeImport) input(e *environment) (io.ReadCloser, int64, error) {
	if c.File == "-" {
		return io.NopCloser(e.in), -1, nil
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, 0, fmt.Errorf("import charges: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder", c.File)
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, fmt.Errorf("import charges: %w", err)
	}
	if !info.Mode().IsRegular() {
		return struct{ io.ReadCloser }{file}, -1, nil // a pipe: not to be read twice
	}
	return file, info.Size(), nil
}

// importer returns what makes the merchant's charges of lines, and whether it
// has an identity in the WeChat Pay dialect.
func (c *chargeImport) importer(ctx context.Context, s *store.Store, m merchant.Merchant) (native.Importer, bool, error) {
	names, err := s.Identities(ctx, m.ID)
	if err != nil {
		return native.Importer{}, false, err
	}
	accounts, err := s.ChannelAccounts(ctx, m.ID)
	if err != nil {
		return native.Importer{}, false, err
	}
	known := slices.ContainsFunc(names, func(i merchant.Identity) bool { return i.Dialect == merchant.WeChatPay })
	return native.NewImporter(service.Dialects(), m, names, accounts, time.Now().UTC().Truncate(time.Microsecond)), known, nil
}

// lines begins to read the file.
func (c *chargeImport) lines(in io.Reader, bar *progressbar.ProgressBar, namesWeChat bool) (*chargefile.Reader, error) {
	opts := chargefile.Options{Format: c.Format, Name: filepath.Base(c.File), Encoding: c.Encoding, Channel: c.Channel, NamesWeChat: namesWeChat}
	if c.TimeZone != "" {
		var err error
		if opts.Zone, err = chargefile.ParseZone(c.TimeZone); err != nil {
			return nil, err
		}
	}
	var r *chargefile.Reader
	var err error
	if file, seeks := in.(io.ReadSeeker); seeks {
		r, err = chargefile.Open(&counted{file, bar}, opts)
	} else {
		r, err = chargefile.New(io.TeeReader(in, bar), opts)
	}
	switch {
	case errors.Is(err, chargefile.ErrUnknownFormat):
		return nil, usageError{err.Error() + " say so with --format"}
	case err != nil:
		return nil, fmt.Errorf("import charges: %w", err)
	}
	return r, nil
}

// rejects makes the file of rejected lines; nil where none is wanted.
func (c *chargeImport) rejects(in io.Reader, lines *chargefile.Reader) (*rejectsFile, error) {
	if c.Rejects == "" {
		return nil, nil
	}
	if file, ok := in.(*os.File); ok {
		read, err := file.Stat()
		if written, there := os.Stat(c.Rejects); err == nil && there == nil && os.SameFile(read, written) {
			return nil, usageError{"--rejects names the file that is imported"}
		}
	}
	return newRejectsFile(c.Rejects, lines.Heading)
}

// counted shows on a bar how far a file was read.
type counted struct {
	io.ReadSeeker
	bar *progressbar.ProgressBar
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	_ = c.bar.Add(n)
	return n, err
}

func (c *counted) Seek(offset int64, whence int) (int64, error) {
	c.bar.Reset()
	return c.ReadSeeker.Seek(offset, whence)
}

// progress is a bar on stderr, or nothing when that is no terminal.
func (e *environment) progress(size int64) *progressbar.ProgressBar {
	file, ok := e.err.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return progressbar.DefaultBytesSilent(size)
	}
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(e.err), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
		progressbar.OptionSetDescription("importing"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
}
