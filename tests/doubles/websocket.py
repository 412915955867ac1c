"""The server's end of a WebSocket (RFC 6455), as much of it as a double needs: text, ping, pong, close."""
import base64
import hashlib
import struct
import threading

MAX_FRAME = 1 << 20
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept(http):
    """Answers the upgrade request of a BaseHTTPRequestHandler; the connection is then the caller's."""
    key = http.headers.get("Sec-WebSocket-Key", "")
    token = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    http.send_response(101)
    http.send_header("Upgrade", "websocket")
    http.send_header("Connection", "Upgrade")
    http.send_header("Sec-WebSocket-Accept", token)
    http.end_headers()
    http.wfile.flush()
    http.close_connection = True
    return Socket(http.rfile, http.connection)


class Socket:
    def __init__(self, reader, connection):
        self.reader, self.connection = reader, connection
        self.writing = threading.Lock()
        self.open = True

    def receive(self):
        """The next text, or None when the connection is gone."""
        text = b""
        try:
            while True:
                final, opcode, data = self.read_frame()
                if opcode == 8:
                    self.write_frame(8, data[:2])
                    break
                if opcode == 9:
                    self.write_frame(10, data)
                if opcode in (0, 1):
                    text += data
                    if final:
                        return text.decode()
        except (OSError, ValueError, struct.error):
            pass
        self.open = False
        return None

    def read_exactly(self, count):
        data = self.reader.read(count)
        if len(data) < count:
            raise OSError("closed")
        return data

    def read_frame(self):
        first, second = self.read_exactly(2)
        length = second & 127
        if length == 126:
            length, = struct.unpack(">H", self.read_exactly(2))
        elif length == 127:
            length, = struct.unpack(">Q", self.read_exactly(8))
        if not second & 128 or length > MAX_FRAME:
            raise ValueError("a client's frames are masked and small")
        mask = self.read_exactly(4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.read_exactly(length)))
        return bool(first & 128), first & 15, data

    def write_frame(self, opcode, data):
        head = bytes([128 | opcode])
        if len(data) < 126:
            head += bytes([len(data)])
        elif len(data) < 1 << 16:
            head += struct.pack(">BH", 126, len(data))
        else:
            head += struct.pack(">BQ", 127, len(data))
        with self.writing:
            self.connection.sendall(head + data)

    def send(self, text):
        """False when the connection is gone."""
        try:
            self.write_frame(1, text.encode())
            return self.open
        except OSError:
            self.open = False
            return False

    def ping(self):
        try:
            self.write_frame(9, b"")
        except OSError:
            self.open = False

    def close(self, code=1000):
        try:
            self.write_frame(8, struct.pack(">H", code))
        except OSError:
            pass
        self.open = False
