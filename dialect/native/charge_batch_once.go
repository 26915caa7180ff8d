package native

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// spoolPiece is how much of a spooled batch must arrive within chunkTime.
const spoolPiece = 256 << 10

// createChargesOnce is a batch with an Idempotency-Key. It goes through many
// commits, so the key is recorded before the first, with what the batch says:
// other content is refused before a line of it is registered. The same content
// is registered again, which makes nothing new and goes on where a crash ended
// the first time. For this the body is read to its end first; one that breaks
// off is refused as a whole.
func (d *Dialect) createChargesOnce(c *call, key string, body io.Reader) error {
	file, err := os.CreateTemp("", "refundry-batch-*")
	if err != nil {
		return refund.Wrap(err, "keep a batch of charges")
	}
	defer func() { _ = os.Remove(file.Name()) }()
	defer func() { _ = file.Close() }()
	content, err := spool(file, body, http.NewResponseController(c.w))
	if err != nil {
		return err
	}
	w := c.named(key, http.MethodPost, content)
	register := func() error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return refund.Wrap(err, "read a batch of charges")
		}
		return d.registerLines(c, file)
	}
	return dialect.Once(c.ctx, d.s.Writes, w, func(*refund.Write) error {
		if err := d.s.Writes.KeepWrite(c.ctx, w); err != nil {
			return err
		}
		return register()
	}, func(refund.Write) error { return register() })
}

// spool copies a body into a file, piece by piece, and gives its hash.
func spool(file io.Writer, body io.Reader, control *http.ResponseController) (string, error) {
	sum := sha256.New()
	for {
		_ = control.SetReadDeadline(time.Now().Add(chunkTime)) // not a connection: no limit
		_, err := io.CopyN(io.MultiWriter(file, sum), body, spoolPiece)
		var large *http.MaxBytesError
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			_ = control.SetReadDeadline(time.Time{})
			return hex.EncodeToString(sum.Sum(nil)), nil
		case errors.As(err, &large):
			return "", tooLargeBatch()
		case errors.As(err, new(*os.PathError)):
			return "", refund.Wrap(err, "keep a batch of charges")
		default:
			return "", refund.Errorf(refund.KindInvalid, "", "the body could not be read to its end; nothing of it was registered")
		}
	}
}

func tooLargeBatch() *refund.Error {
	return refund.Errorf(refund.KindTooLarge, "", "the body is larger than %d bytes", maxBatch)
}
