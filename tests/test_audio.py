"""Claims about reading and writing sound: every format, rate and number of channels, and files that are damaged."""

import os

import numpy as np
import pytest
import soundfile
from singers import tone

from svs.audio import Audio, AudioError, AudioFile, write_pieces

RATE = 44_100
LSB = 1 / 32768  # of 16 bits
SOUND = tone(6000, 0.5, snr_db=40)[0].samples.astype(np.float64)


def written(path, samples=SOUND, rate=RATE, **options):
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize(
    "name, subtype, error",
    [("a.wav", "PCM_U8", 2**-7), ("a.wav", "PCM_16", LSB), ("a.wav", "PCM_24", 2**-23), ("a.wav", "PCM_32", 2**-24),
     ("a.wav", "FLOAT", 2**-24), ("a.wav", "DOUBLE", 2**-24), ("a.flac", "PCM_16", LSB), ("a.flac", "PCM_24", 2**-23),
     ("a.aiff", "PCM_16", LSB), ("a.w64", "PCM_16", LSB), ("a.caf", "PCM_16", LSB)],
)  # fmt: skip
def test_every_lossless_format_is_read_to_half_its_last_bit(tmp_path, name, subtype, error):
    audio = Audio.read(written(tmp_path / name, subtype=subtype))
    assert audio.sample_rate == RATE and audio.samples.dtype == np.float32
    assert np.abs(audio.samples - SOUND).max() <= error


@pytest.mark.parametrize("name, subtype", [("a.ogg", "VORBIS"), ("a.mp3", "MPEG_LAYER_III")])
def test_lossy_formats_are_in_step_to_a_sample(tmp_path, name, subtype):
    audio = Audio.read(written(tmp_path / name, subtype=subtype))
    length = min(len(SOUND), audio.length)
    assert abs(audio.length - len(SOUND)) < 0.03 * RATE
    spectra = (np.fft.rfft(each[:length], 2 * length) for each in (audio.samples, SOUND))
    together = np.fft.irfft(np.conj(next(spectra)) * next(spectra))
    assert np.argmax(together) in (0, 1, 2 * length - 1)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 48_000, 96_000])
def test_every_rate_is_read_as_it_is_and_resampled_when_asked(tmp_path, rate):
    path = written(tmp_path / "a.wav", tone(6000, 0.5, sample_rate=rate)[0].samples, rate)
    audio = Audio.read(path)
    assert (audio.sample_rate, audio.length) == (rate, rate // 2)
    assert Audio.read(path, RATE).seconds == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_mixed_to_their_mean(tmp_path, channels):
    each = np.stack([SOUND * (i + 1) for i in range(channels)], axis=1) / channels
    audio = Audio.read(written(tmp_path / "a.wav", each, subtype="FLOAT"))
    np.testing.assert_allclose(audio.samples, each.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("beside", [0.0, 0.3, 1.0, -0.9])
def test_a_channel_that_is_silent_or_other_is_no_fault(tmp_path, beside):
    audio = Audio.read(written(tmp_path / "a.wav", np.stack([SOUND, beside * SOUND], axis=1)))
    np.testing.assert_allclose(audio.samples, (1 + beside) / 2 * SOUND, atol=2 * LSB)


def test_channels_that_cancel_each_other_are_refused_and_not_read_as_silence(tmp_path):
    path = written(tmp_path / "upside_down.wav", np.stack([SOUND, -SOUND], axis=1))
    with pytest.raises(AudioError, match=r"upside_down\.wav: its channels cancel each other .* keep one of them"):
        Audio.read(path)
    noise = np.random.default_rng(0).integers(-1, 2, len(SOUND)) * LSB  # of rounding, opposite by chance
    assert Audio.read(written(tmp_path / "quiet.wav", np.stack([noise, -noise], axis=1))).length == len(SOUND)


@pytest.mark.parametrize(
    "content, reason",
    [(b"", "Format not recognised"), (b"hello", "Format not recognised"), (b"RIFF\0\0\0\0WAVEfmt ", "not a sound file")],
)
def test_what_is_no_sound_is_one_line_that_names_the_file_once(tmp_path, content, reason):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=reason) as error:
        AudioFile.open(tmp_path / "a.wav")
    assert str(error.value).count("a.wav") == 1


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(AudioError, match=r"none\.wav: no such file"):
        Audio.read(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="is a folder; a sound file is wanted"):
        Audio.read(tmp_path)


def test_a_compressed_file_that_is_cut_short_is_refused(tmp_path):
    whole = written(tmp_path / "a.mp3", np.tile(SOUND, 10), subtype="MPEG_LAYER_III").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioError, match=r"cut\.mp3: (ends after|not a sound file)"):
        Audio.read(tmp_path / "cut.mp3")


def test_what_is_written_is_read_back_to_half_a_bit_and_clips_beyond_full_scale(tmp_path):
    path = tmp_path / "a.wav"
    loud = np.concatenate([SOUND, [1.5, -1.5]]).astype(np.float32)
    Audio(loud, RATE).write(path)
    back = Audio.read(path)
    np.testing.assert_allclose(back.samples[:-2], SOUND, atol=LSB)
    np.testing.assert_allclose(back.samples[-2:], [1.0, -1.0], atol=LSB)
    assert write_pieces(path, [loud[:100], loud[100:]], RATE).length == len(loud)
    assert soundfile.info(path).subtype == "PCM_16"


@pytest.mark.skipif(os.name != "posix", reason="names are text on this system")
@pytest.mark.parametrize("name", ["ä ö.wav", "two\nlines.wav", os.fsdecode(b"of latin-1 \xe4.wav"), "あ" * 83 + ".wav"])
def test_any_name_that_the_system_allows_is_written_and_read(tmp_path, name):
    written = Audio(np.zeros(100, np.float32), 44_100)
    written.write(tmp_path / name)
    assert Audio.read(tmp_path / name).length == 100


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_a_link_and_what_it_leads_to_is_written(tmp_path, there):
    (tmp_path / "disk").mkdir()
    if there:
        (tmp_path / "disk" / "song.wav").write_bytes(b"")
    (tmp_path / "song.wav").symlink_to(tmp_path / "disk" / "song.wav")
    Audio(np.zeros(100, np.float32), 44_100).write(tmp_path / "song.wav")
    assert (tmp_path / "song.wav").is_symlink()
    assert Audio.read(tmp_path / "disk" / "song.wav").length == 100
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["song.wav"]
