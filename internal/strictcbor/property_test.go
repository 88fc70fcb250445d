package strictcbor

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// opinion is a second opinion on what canonical is: the library's own encoder in its
// CTAP2 mode, behind its decoder as it comes.
var opinion = struct {
	enc cbor.EncMode
	dec cbor.DecMode
}{
	enc: must(cbor.CTAP2EncOptions().EncMode()),
	dec: must(cbor.DecOptions{MapKeyByteString: cbor.MapKeyByteStringAllowed}.DecMode()),
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// anyValue draws a value that CTAP2 can carry.
func anyValue(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Int64().AsAny(),
		rapid.Uint64().AsAny(),
		rapid.Bool().AsAny(),
		rapid.Just[any](nil),
		rapid.String().AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 300).AsAny(),
	}
	if depth > 0 {
		kinds = append(kinds,
			rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return anyValue(depth - 1) }), 0, 30).AsAny(),
			rapid.MapOfN(rapid.OneOf(rapid.Int64().AsAny(), rapid.String().AsAny()),
				rapid.Deferred(func() *rapid.Generator[any] { return anyValue(depth - 1) }), 0, 30).AsAny(),
		)
	}
	return rapid.OneOf(kinds...)
}

func TestWhatIsEncodedIsAccepted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := must(opinion.enc.Marshal(anyValue(3).Draw(t, "value")))
		after := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "after")
		n, err := Check(append(bytes.Clone(data), after...))
		if n != len(data) || err != nil {
			t.Fatalf("Check(%x | %x) = %d, %v, want %d", data, after, n, err, len(data))
		}
	})
}

func TestWhatIsSpoiltIsJudgedAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := must(opinion.enc.Marshal(anyValue(2).Draw(t, "value")))
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			i := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				data[i] = rapid.Byte().Draw(t, "byte")
			case 1:
				data = append(data[:i:i], data[i+1:]...)
			case 2:
				data = append(append(data[:i:i], rapid.Byte().Draw(t, "byte")), data[i:]...)
			}
			if len(data) == 0 {
				data = []byte{0}
			}
		}
		judge(t, data)
	})
}

// judge holds Check to its promises for any input.
func judge(t interface{ Fatalf(string, ...any) }, data []byte) {
	n, err := Check(data)
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if n != 0 || !ok || e.Offset < 0 || e.Offset > len(data) || e.Error() == "" {
			t.Fatalf("Check(%x) = %d, %#v", data, n, err)
		}
		return
	}
	if n < 1 || n > len(data) {
		t.Fatalf("Check(%x) = %d of %d bytes", data, n, len(data))
	}
	item := data[:n]
	walk(Item{item})

	var v any
	if opinion.dec.Unmarshal(item, &v) != nil {
		return // the library cannot have arrays as keys
	}
	if again := must(opinion.enc.Marshal(v)); !bytes.Equal(again, item) {
		t.Fatalf("Check took %x, which is %x in canonical form", item, again)
	}
}

// walk calls everything there is to call on an item.
func walk(i Item) {
	i.Int()
	i.Bytes()
	i.Text()
	i.Bool()
	i.Null()
	for e := range i.Elements() {
		walk(e)
	}
	for k, v := range i.Entries() {
		walk(k)
		walk(v)
	}
}

func FuzzCheck(f *testing.F) {
	for _, data := range vectors(f) {
		f.Add(data)
	}
	for _, data := range []string{"\x00", "\xa2\x02\x00\x01\x00", "\xa3\x02\x00\x01\x00\x02\x00", "\x9f\xff", "\xf9\x3c\x00", "\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00"} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		judge(t, data)
		var v any
		if err := Unmarshal(data, &v); err == nil && CheckAll(data) != nil {
			t.Fatalf("Unmarshal took %x, which CheckAll refuses", data)
		}
	})
}
