package codec

import (
	"encoding/binary"
	"hash/crc32"
)

// typeCRC32C is the type of the TLV with the checksum (section 2.2.3).
const typeCRC32C = 0x03

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkProxyTLVs checks the form of the TLVs (section 2.2), which reach from offset i to the end of a
// header, and the checksum if it has one. Their values are not looked at.
func checkProxyTLVs(header []byte, i int) error {
	for i < len(header) {
		if len(header)-i < 3 {
			return errProxyTLV
		}
		value := i + 3
		end := value + int(binary.BigEndian.Uint16(header[i+1:]))
		if end > len(header) {
			return errProxyTLV
		}
		if header[i] == typeCRC32C && !checksumHolds(header, value, end) {
			return errProxyChecksum
		}
		i = end
	}
	return nil
}

// checksumHolds reports whether header[at:end] is the CRC32c of the header with zeros in its place.
func checksumHolds(header []byte, at, end int) bool {
	if end-at != 4 {
		return false
	}
	sum := crc32.Update(0, castagnoli, header[:at])
	sum = crc32.Update(sum, castagnoli, []byte{0, 0, 0, 0})
	sum = crc32.Update(sum, castagnoli, header[end:])
	return sum == binary.BigEndian.Uint32(header[at:])
}
